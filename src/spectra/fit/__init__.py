"""The numerical core: arrays in, arrays out; knows no technique and no file."""
