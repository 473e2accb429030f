"""What the waveform datasets share: the columns of a record, preparation in blocks, reading of archives, export.

columns       the metadata that a record may have, under SeisBench's names
preparation   `WaveformBuilder`, the base of the builders in `datasets/`
checks        the conditions on which a trace enters a dataset
encoding      records as bytes
hdf5          archives with one HDF5 dataset per trace
miniseed      miniSEED files as arrays on one time grid
events        event tables and station lists
fdsn          waveforms of events from web services
export        a dataset in SeisBench's format
show          a picture of some records of a dataset
"""
