"""`Peaks`: follow the peaks of a sequence of powder patterns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectra.errors import SettingError, StackError
from spectra.fit.beside import curve_of
from spectra.fit.damage import Normal
from spectra.fit.doublet import Doublet
from spectra.fit.lineshapes import Profile, get_profile
from spectra.fit.model import Model
from spectra.fit.uncertainty import point_sigma
from spectra.fit.windows import WindowFitter
from spectra.method import Method
from spectra.results import Results, Table
from spectra.settings import setting
from spectra.stack import Noise, Stack
from spectra.status import Status
from spectra.xrd.curves import evaluate as evaluate
from spectra.xrd.fill import TableFiller
from spectra.xrd.follow import NodePeaks, Track, link_nodes
from spectra.xrd.groups import Expectation, Grouping
from spectra.xrd.nodes import NodeFitter
from spectra.xrd.plan import FREE_SHAPE_SIGNIFICANCE, SequencePlan, make_plan
from spectra.xrd.samples import Samples, mean_node
from spectra.xrd.screen import check_points, choose_noise, screen
from spectra.xrd.settle import fit_settled
from spectra.xrd.tails import Finished, fit_with_tails
from spectra.xrd.tracks import peaks_table

if TYPE_CHECKING:
    from lmfit.model import ModelResult

FloatArray = NDArray[np.float64]

_ERRORS = ("auto", "counts", "given", "residual")
_FIND_IN = ("union", "mean", "first")
_FAINT = 0.1
_FEWEST_POINTS = 20


@dataclass(frozen=True)
class PeaksPlan:
    """What `Peaks.fit` needs to know about the sequence.

    ``expectation`` and ``level`` (intensity expected of each frame) are None in the plan of
    the whole sequence and stand in the part that `Peaks.narrow` cuts for a block.
    """

    table: Table
    sequence: SequencePlan
    profile: Profile | Doublet
    noise: Noise
    attrs: dict[str, Any]
    normal: Normal
    expectation: Expectation | None = None
    level: FloatArray | None = None

    def expectation_of_block(self) -> Expectation:
        """Return the expectation for the block that the plan was narrowed to."""
        if self.expectation is None:
            return self.sequence.expectation(0, self.sequence.n_frames)
        return self.expectation

    def level_of_block(self) -> FloatArray:
        """Return the intensities expected in the block that the plan was narrowed to."""
        if self.level is None:
            return self.normal.level_at(np.arange(float(self.sequence.n_frames)))
        return self.level


@dataclass(frozen=True, kw_only=True)
class Peaks(Method):
    """Follow peaks through a sequence and fit them in every frame.

    Peaks are found in a coarse pass over a few frames, linked into tracks, and fitted in all
    frames from starts interpolated between those: overlapping ones together, single ones in
    windows of their own. A peak that is not there is LOST in that frame, one that cannot be
    parted from its neighbour is MERGED with it; neither gets numbers.

    The tails of a frame's peaks run through the windows of its other peaks as known curves; the
    background is what is left without them. Their own uncertainty is not propagated. Value ±
    standard uncertainty of a position, width, area, height or background is the central 68 %
    confidence interval to second order in the noise: for weak peaks its middle lies a little
    beside the likelihood's maximum (see `spectra.fit.quantities`), which stands in the column
    ``parameters``.

    Parameters
    ----------
    low, high : float, optional
        Part of the axis to use.
    positions : tuple of float
        Follow only the peaks that stand here in the first frame where they are seen; by
        default every peak that is found.
    profile : str
        Line shape, a name of `spectra.fit.lineshapes.PROFILES`.
    radiation : str, optional
        Kα doublet, e.g. ``"Cu"``; by default what the stack says, or a single line.
    threshold : float
        Smallest significance of a peak to be found.
    keep : float
        Smallest area over its uncertainty of a peak to be present in a frame.
    find_in : {"union", "mean", "first"}
        Look for peaks all along the sequence, in its mean, or only at its beginning.
    fwhm_max : float, optional
        Widest peak looked for; by default 4 % of the axis.
    window, link : float
        Window beside the outermost peaks of a group, and distance below which peaks form a
        group, in fwhm.
    background_degree : int
        Degree of the polynomial background of a window (0 to 3).
    coarse_frames : int
        Frames looked at in the coarse pass.
    errors : {"auto", "counts", "given", "residual"}
        Where uncertainties come from; "auto" goes by the stack's noise.

    Examples
    --------
    >>> x = np.linspace(20, 30, 501)
    >>> y = 20 + 1000 * np.exp(-4 * np.log(2) * ((x - 25) / 0.2) ** 2)
    >>> stack = Stack.from_arrays(x, np.rint([y, y]), noise="counts")
    >>> results = Peaks(profile="gaussian")(stack)
    >>> results["center"].round(2).tolist()
    [[25.0], [25.0]]
    """

    name: ClassVar[str] = "xrd.Peaks"
    block_size: ClassVar[int] = 256

    low: float | None = setting(None, "lower end of the axis used", unit="axis")
    high: float | None = setting(None, "upper end of the axis used", unit="axis")
    positions: tuple[float, ...] = setting((), "peaks to follow", unit="axis")
    profile: str = setting("pseudo_voigt", "line shape")
    radiation: str | None = setting(None, "Kα doublet, e.g. 'Cu'")
    threshold: float = setting(5.0, "smallest significance of a peak to be found", within="> 0")
    keep: float = setting(4.0, "smallest area over uncertainty to be present", within="> 0")
    find_in: str = setting("union", "where peaks are looked for", within="union, mean, first")
    fwhm_max: float | None = setting(None, "widest peak looked for", unit="axis")
    window: float = setting(5.0, "window beside a group", unit="fwhm", within="1 to 50")
    link: float = setting(4.0, "distance that makes a group", unit="fwhm", within="0.5 to 50")
    background_degree: int = setting(1, "degree of the background", within="0 to 3")
    coarse_frames: int = setting(32, "frames of the coarse pass", within="1 or more")
    errors: str = setting("auto", "origin of uncertainties", within="auto, counts, given, residual")

    def __post_init__(self) -> None:
        super().__post_init__()
        checks = {
            "threshold": self.threshold > 0,
            "keep": self.keep > 0,
            "window": 1 <= self.window <= 50,
            "link": 0.5 <= self.link <= 50,
            "background_degree": self.background_degree in (0, 1, 2, 3),
            "coarse_frames": self.coarse_frames >= 1,
            "errors": self.errors in _ERRORS,
            "find_in": self.find_in in _FIND_IN,
            "fwhm_max": self.fwhm_max is None or self.fwhm_max > 0,
        }
        for name, good in checks.items():
            if not good:
                within = self.__dataclass_fields__[name].metadata["range"]
                raise SettingError(
                    f"{self.name}: {name} = {getattr(self, name)!r}; expected {within or '> 0'}"
                )
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise SettingError(f"{self.name}: low = {self.low} is not below high = {self.high}")
        with self.naming("profile"):
            get_profile(self.profile)

    def prepare(self, source: Stack) -> PeaksPlan:
        """Find the peaks in a coarse pass and link them into tracks.

        Raises
        ------
        StackError
            If the stack holds absorption, the axis has too few points in the range, or no frame
            can be used.
        """
        if source.quantity != "intensity":
            raise StackError(
                f"{self.name} works on intensities; the stack holds {source.quantity!r} over "
                f"{source.axis.name}: use a method of that technique, or state "
                "quantity='intensity' when reading"
            )
        x = source.x[self._inside(source)]
        noise = choose_noise(source, self.errors, self.name)
        profile, ratio = self._line(source)
        fitter = self._fitter(profile, noise)
        grouping = Grouping(self.link, self.window, float(x[0]), float(x[-1]))
        shape = np.array([profile.defaults.get(n, 0.0) for n in profile.shape_names[1:]])
        node_fitter = NodeFitter(fitter, grouping, self.threshold, self.fwhm_max, ratio, shape)
        samples = Samples.read(source, noise, self.coarse_frames, self._range())
        normal = samples.learn() if len(samples.frame) else None
        data = samples.nodes(normal) if normal else []
        if normal is None or not data:
            raise StackError(
                f"{self.name}: none of the {source.n_frames} frames has a usable signal between "
                f"{x[0]:g} and {x[-1]:g} {source.axis.unit}"
            )
        if self.find_in == "mean":
            data = [mean_node(data)]
        nodes = [node_fitter.fit(x, node) for node in data]
        tracks = self._chosen(nodes, link_nodes(nodes))
        strong = np.concatenate([n.significance for n in nodes]) > FREE_SHAPE_SIGNIFICANCE
        shapes = np.concatenate([n.shape for n in nodes])[strong]
        sequence = make_plan(
            source.n_frames,
            nodes,
            tracks,
            grouping,
            wavelength_ratio=ratio,
            typical=float(np.median([d.total for d in data])),
            default_shape=np.median(shapes, axis=0) if len(shapes) else shape,
        )
        coords = {
            "label": np.array([f"p{t + 1:02d}" for t in range(len(tracks))]),
            "start": np.array([nodes[t.nodes[0]].center[t.members[0]] for t in tracks]),
            "group": sequence.groups(),
        }
        table = peaks_table(
            source.axis.unit, coords, self.background_degree + 1, profile.shape_names
        )
        attrs = self._attrs(source, profile, noise, len(nodes))
        return PeaksPlan(table, sequence, profile, noise, attrs, normal)

    def narrow(self, plan: PeaksPlan, start: int, stop: int) -> PeaksPlan:
        """Give the expectation for frames ``start:stop``."""
        return replace(
            plan,
            expectation=plan.sequence.expectation(start, stop),
            level=plan.normal.level_at(np.arange(start, stop, dtype=float)),
        )

    def narrow_block(self, plan: PeaksPlan, start: int, stop: int) -> PeaksPlan:
        """Give the expectation for some frames of the block the plan was cut for."""
        return replace(
            plan,
            expectation=plan.expectation_of_block().take(np.arange(start, stop)),
            level=plan.level_of_block()[start:stop],
        )

    def table(self, plan: PeaksPlan) -> Table:
        """Declare the table of tracked peaks."""
        return plan.table

    def fit(self, block: Stack, plan: PeaksPlan) -> Results:
        """Fit all peaks of all frames of a block."""
        cropped = self._cropped(block)
        seen = screen(cropped, plan.noise, plan.normal, plan.level_of_block())
        rows, texts = seen.rows, list(seen.messages)
        fits = self._fit_windows(cropped[rows], seen.y, plan, rows)
        filler = TableFiller(plan.table, plan.expectation_of_block(), plan.profile)
        columns = filler.columns(fits, rows, absolute=plan.noise != "unknown")
        faint = np.nansum(np.asarray(cropped.signal), axis=1) < _FAINT * plan.sequence.typical
        status, notes = filler.judge(columns, seen.status, faint)
        for row, wrong in zip(rows.tolist(), seen.damage, strict=True):
            if wrong:
                # What the fit says of the rest of the frame stands, with its reason.
                texts[row] = "; ".join(filter(None, (wrong, notes[row])))
                if status[row] != Status.NO_SIGNAL:
                    status[row] = Status.BAD_INPUT
        return Results(
            table=plan.table,
            columns=columns,
            status=status,
            messages=tuple(a or b for a, b in zip(texts, notes, strict=True)),
            names=block.names,
            variables=block.variables,
            attrs=plan.attrs,
        )

    def hand_back(self, source: Stack, frame: int, peak: str) -> ModelResult:
        """Fit the window of one peak in one frame with `lmfit`, from our answer as start.

        The tails of peaks in other windows are taken off the data first.

        Parameters
        ----------
        source : Stack
            The whole sequence.
        frame : int
        peak : str
            Label of the peak, e.g. ``"p03"``.

        Returns
        -------
        lmfit.model.ModelResult
            For confidence intervals, reports and plots.

        Raises
        ------
        SettingError
            If there is no such peak, or it is not expected in that frame.
        """
        from spectra.fit.bridge import as_lmfit

        plan = self.narrow(self.prepare(source), frame, frame + 1)
        labels = plan.table.coords["peak"]["label"].tolist()
        if peak not in labels:
            raise SettingError(f"no peak {peak!r}; there are {', '.join(labels)}")
        block = self._cropped(source[frame])
        y = np.asarray(block.signal)
        for done in self._fit_windows(block, y, plan, np.zeros(1, np.intp)):
            at = np.argwhere(done.members == labels.index(peak))
            if len(at):
                row = int(at[0, 0])
                low, high = float(done.windows.low[row]), float(done.windows.high[row])
                inside = (block.x >= low) & (block.x <= high)
                x = block.x[inside]
                tails = curve_of(plan.profile, x[None], done.others[[row]])[0]
                sigma = self._sigma(block, y, plan.noise)
                return as_lmfit(
                    Model(
                        tuple((f"{labels[m]}_", plan.profile) for m in done.members[row]),
                        self.background_degree,
                    ),
                    x,
                    y[0, inside] - tails,
                    sigma[0, inside],
                    done.fit.theta[row],
                    (low, high),
                )
        raise SettingError(f"peak {peak!r} is not expected in frame {frame}")

    def _fit_windows(
        self, block: Stack, y: FloatArray, plan: PeaksPlan, rows: NDArray[np.intp]
    ) -> list[Finished]:
        """Fit the frames `rows` of the plan, whose patterns are `block`."""
        fitter = self._fitter(plan.profile, plan.noise)
        sigma = self._sigma(block, y, plan.noise)
        expectation = plan.expectation_of_block().take(rows)
        settled = fit_settled(
            lambda windows: fitter.fit(block.x, y, sigma, windows),
            plan.sequence.grouping,
            expectation,
            plan.sequence.wavelength_ratio,
        )
        return fit_with_tails(fitter, block.x, y, sigma, settled, plan.sequence.n_peaks)

    def _fitter(self, profile: Profile | Doublet, noise: Noise) -> WindowFitter:
        return WindowFitter(
            profile, self.background_degree, keep=self.keep, poisson=noise == "counts"
        )

    def _sigma(self, block: Stack, y: FloatArray, noise: Noise) -> FloatArray:
        errors = None if block.errors is None else np.asarray(block.errors)
        return point_sigma(y, errors, noise)

    def _line(self, source: Stack) -> tuple[Profile | Doublet, float]:
        """Return the profile of a line and λ(Kα2)/λ(Kα1) (1 for a single line)."""
        profile = get_profile(self.profile)
        first = source.metadata.get("wavelength")
        second, ratio = source.metadata.get("wavelength2"), source.metadata.get("ratio")
        if self.radiation is not None:
            from spectra.reference import radiation

            line = radiation(self.radiation)
            first, second, ratio = line.wavelength, line.wavelength2, line.ratio
        if not (first and second and ratio) or source.axis.name != "two_theta":
            return profile, 1.0
        wavelength_ratio = float(second) / float(first)
        return Doublet(profile, wavelength_ratio, float(ratio)), wavelength_ratio

    def _inside(self, source: Stack) -> NDArray[np.bool_]:
        low, high = self._range()
        inside = (source.x >= low) & (source.x <= high)
        check_points(source, inside, _FEWEST_POINTS, self.name, (low, high))
        return np.asarray(inside)

    def _cropped(self, block: Stack) -> Stack:
        low, high = self._range()
        return block.crop(low, high)

    def _range(self) -> tuple[float, float]:
        return (
            -np.inf if self.low is None else self.low,
            np.inf if self.high is None else self.high,
        )

    def _chosen(self, nodes: list[NodePeaks], tracks: list[Track]) -> list[Track]:
        """Tracks that are followed: those asked for, without flukes of a single node."""
        if self.find_in == "first":
            tracks = [t for t in tracks if t.nodes[0] == 0]
        if len(nodes) >= 4:
            tracks = [t for t in tracks if len(t.nodes) > 1 or _best(nodes, t) > 3 * self.threshold]
        if not self.positions:
            return tracks
        starts = np.array([nodes[t.nodes[0]].center[t.members[0]] for t in tracks])
        widths = np.array([nodes[t.nodes[0]].fwhm[t.members[0]] for t in tracks])
        chosen = []
        for position in self.positions:
            distance = np.abs(starts - position) / widths if len(starts) else np.array([np.inf])
            nearest = int(distance.argmin())
            if distance[nearest] > 2.0:
                known = ", ".join(f"{s:.3f}" for s in starts)
                raise SettingError(
                    f"{self.name}: no peak within two widths of position {position:g}; "
                    f"found at {known or 'none'}; lower `threshold` or mend `positions`"
                )
            chosen.append(tracks[nearest])
        return [t for t in tracks if any(t is c for c in chosen)]

    def _attrs(
        self, source: Stack, profile: Profile | Doublet, noise: Noise, n_nodes: int
    ) -> dict[str, Any]:
        attrs: dict[str, Any] = {
            "axis": {"name": source.axis.name, "unit": source.axis.unit},
            "profile": self.profile,
            "errors": {"counts": "counts", "given": "given", "unknown": "residual"}[noise],
            "coarse_frames": n_nodes,
            "title": source.title,
        }
        if isinstance(profile, Doublet):
            attrs["doublet"] = {
                "wavelength_ratio": profile.wavelength_ratio,
                "intensity_ratio": profile.intensity_ratio,
            }
        wavelength = source.metadata.get("wavelength")
        if self.radiation is not None:
            from spectra.reference import radiation

            wavelength = radiation(self.radiation).wavelength
        if wavelength is not None:
            attrs["wavelength"] = float(wavelength)
        return attrs


def _best(nodes: list[NodePeaks], track: Track) -> float:
    pairs = zip(track.nodes, track.members, strict=True)
    return max(float(nodes[n].significance[m]) for n, m in pairs)
