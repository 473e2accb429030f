"""SEG-Y and Seismic Unix: where everything lies in a file, what its headers mean, its samples as they are needed."""
