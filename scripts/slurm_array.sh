#!/bin/sh
# A long recipe through a SLURM job array: each task does one range of blocks, and a last job,
# which waits for all of them, joins the blocks and writes results and report.
#
#     scripts/slurm_array.sh submit RECIPE PARTS [options of sbatch]
#
# as in   scripts/slurm_array.sh submit recipe.toml 20 --partition=day --time=02:00:00
#
# The results are bit for bit those of `spectra run RECIPE`. A task that dies loses the block it
# was at: the last job does whatever is missing. Folder and recipe must be on a disk that all
# nodes see. Tasks run `spectra` as it is found where this is called (or $SPECTRA).
set -eu

spectra=${SPECTRA:-spectra}

explain() {
    echo "slurm_array.sh: $*" >&2
    echo "usage: slurm_array.sh submit RECIPE PARTS [options of sbatch]" >&2
    exit 1
}

submit() {
    [ $# -ge 2 ] || explain "a recipe and a number of parts are needed"
    recipe=$1 parts=$2
    shift 2
    [ -f "$recipe" ] || explain "$recipe: no such recipe; check the path"
    case $parts in
        '' | *[!0-9]* | 0*) explain "PARTS = '$parts'; expected a whole number, 1 or more" ;;
    esac
    command -v sbatch >/dev/null || explain "no sbatch here; log in to a node that can submit"
    folder=$(cd "$(dirname "$0")" && pwd)
    script=$folder/$(basename "$0")
    array=$(sbatch --parsable --job-name=spectra-part --array="1-$parts" "$@" \
        "$script" part "$recipe" "$parts")
    array=${array%%;*}
    # afterany, not afterok: what a dead task has left undone, the last job does.
    last=$(sbatch --parsable --job-name=spectra-join --dependency="afterany:$array" "$@" \
        "$script" join "$recipe")
    echo "parts: job $array; joined by job ${last%%;*}"
}

part() {
    : "${SLURM_ARRAY_TASK_ID:?slurm_array.sh: part runs inside a job array; use submit}"
    exec "$spectra" part "$1" "$SLURM_ARRAY_TASK_ID/$2" --workers "${SLURM_CPUS_PER_TASK:-1}"
}

join() {
    exec "$spectra" resume "$1" --workers "${SLURM_CPUS_PER_TASK:-1}"
}

action=${1:-}
[ $# -eq 0 ] || shift
case $action in
    submit | part | join) "$action" "$@" ;;
    *) explain "'$action' is not one of submit, part, join" ;;
esac
