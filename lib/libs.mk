# Libraries beyond libfuse3, libmnl and popt. Each is optional, or its commit says why it is here.
EXTRA_CFLAGS :=
EXTRA_LIBS   :=
