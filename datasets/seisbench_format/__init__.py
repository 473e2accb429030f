"""Datasets in SeisBench's format: any folder with metadata.csv and waveforms.hdf5."""
