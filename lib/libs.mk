# Libraries beyond libfuse3, libmnl and popt. Each is optional, or its commit says why it is here.
ifdef PKGS
EXTRA_CFLAGS := $(shell $(PKG_CONFIG) --cflags jansson)
EXTRA_LIBS   := $(shell $(PKG_CONFIG) --libs jansson)
endif
