/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs in the kernel hand to the reader outside: a message, or a piece of one. */
#ifndef FN_TRACE_BPF_RECORD_H
#define FN_TRACE_BPF_RECORD_H

#define FN_BPF_CHUNK 16384 /* bytes of a message in one record */
#define FN_BPF_FIRST 1
#define FN_BPF_LAST 2
#define FN_BPF_READ 4 /* the server reads it: a request */

struct fn_bpf_record {
	unsigned long long time; /* CLOCK_MONOTONIC, ns */
	unsigned int tid;
	unsigned int flags; /* FN_BPF_* */
	unsigned int
		conn; /* the kernel's number; 0 from a server's calls, where fd stands for it */
	int fd;
	unsigned int len;  /* of the message, as far as it is known here */
	unsigned int have; /* bytes that follow */
};

/* What the programs are told before they are loaded. */
struct fn_bpf_config {
	unsigned int conn, tgid;
	long long nr_read, nr_readv, nr_write, nr_writev, nr_splice;
};

#endif
