"""What the waveform datasets share: the columns of a record, preparation in blocks, reading of archives, export.

columns       the metadata that a record may have, under SeisBench's names
preparation   `WaveformBuilder`, the base of the builders in `datasets/`
checks        what a trace must be to enter a dataset
encoding      records as bytes
hdf5          archives of one HDF5 dataset per trace
"""
