/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe/tags.h"
#include "probe/child.h"
#include "probe/sysfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSFS "/sys/fs/virtiofs" /* since 6.9 */
#define DRIVER "/sys/bus/virtio/drivers/virtiofs"
#define KERNEL_GROUP 1     /* of uevents: those of the kernel, not udev's */
#define LOOK_AGAIN_MS 5000 /* without a uevent: not every network namespace gets them */

/* Calls back with each device's directory and tag, until that returns nonzero. */
typedef int (*tag_cb)(int dirfd, const char *entry, const char *tag, void *arg);

static int each_tag(tag_cb cb, void *arg)
{
	DIR *dir = opendir(SYSFS);
	char path[300], tag[64];
	struct dirent *e;
	int r = 0;

	if (!dir)
		return -errno;
	while (!r && (e = readdir(dir))) {
		if (*e->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "%s/tag", e->d_name);
		if (!fn_sysfile_read(dirfd(dir), path, tag, sizeof(tag)))
			r = cb(dirfd(dir), e->d_name, tag, arg);
	}
	closedir(dir);
	return r;
}

struct found {
	struct fn_facts *facts;
	unsigned count;
};

/* tag_N and device_N, N as sysfs numbers them. */
static int put_tag(int dirfd, const char *entry, const char *tag, void *arg)
{
	struct found *found = arg;
	char name[FN_FACT_NAME_MAX], path[300], link[300];
	struct fn_fact *fact;
	ssize_t n;

	snprintf(name, sizeof(name), "tag_%.40s", entry);
	fact = fn_fact_put(found->facts, name, FN_FACT_YES,
			   &(struct fn_fact_text){.value = tag, .how = SYSFS});
	snprintf(fact->group, sizeof(fact->group), "tags");
	found->count++;
	snprintf(path, sizeof(path), "%s/device", entry);
	n = readlinkat(dirfd, path, link, sizeof(link) - 1);
	if (n <= 0)
		return 0;
	link[n] = '\0';
	snprintf(name, sizeof(name), "device_%.40s", entry);
	fact = fn_fact_put(
		found->facts, name, FN_FACT_YES,
		&(struct fn_fact_text){.value = strrchr(link, '/') ? strrchr(link, '/') + 1 : link,
				       .how = SYSFS});
	snprintf(fact->group, sizeof(fact->group), "tags");
	return 0;
}

/* A device that is bound to the driver shows as a link "virtioN". */
static bool has_device(void)
{
	DIR *dir = opendir(DRIVER);
	struct dirent *e;
	bool found = false;

	while (dir && !found && (e = readdir(dir)))
		found = !strncmp(e->d_name, "virtio", 6);
	if (dir)
		closedir(dir);
	return found;
}

int fn_probe_tags(struct fn_facts *f)
{
	struct found found = {.facts = f};
	int r = each_tag(put_tag, &found);

	if (r == -ENOENT && has_device())
		fn_fact_unknown(f, "tags", DRIVER,
				"there is a device, but kernels show tags only since 6.9");
	else if (r == -ENOENT)
		fn_fact_unknown(f, "tags", SYSFS, "virtiofs is not in this kernel, or not loaded");
	else if (r < 0)
		fn_fact_unknown(f, "tags", SYSFS, "%s", strerror(-r));
	else
		fn_fact_u64(f, "tags", SYSFS, found.count);
	return f->failed ? -ENOMEM : 0;
}

static int is_tag(int dirfd, const char *entry, const char *tag, void *arg)
{
	(void)dirfd;
	(void)entry;
	return !strcmp(tag, arg);
}

static bool has_tag(const char *tag)
{
	return each_tag(is_tag, (void *)tag) == 1;
}

/* What the kernel told meanwhile is not read closely: any change is a reason to look again. */
static int wait_uevent(struct mnl_socket *nl, int64_t deadline_ns)
{
	char buf[8192];
	struct pollfd p = {.fd = nl ? mnl_socket_get_fd(nl) : -1, .events = POLLIN};
	int ms = LOOK_AGAIN_MS, left = deadline_ns < 0 ? ms : fn_ms_left(deadline_ns);

	if (left == 0)
		return -ETIMEDOUT;
	if (poll(&p, 1, left < ms ? left : ms) < 0)
		return -errno;
	while (nl && recv(p.fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		continue;
	return 0;
}

int fn_tags_wait(const char *tag, int64_t timeout_ns)
{
	int64_t deadline_ns = timeout_ns < 0 ? -1 : fn_mono_ns() + timeout_ns;
	/* Listen before looking, so that nothing slips in between. */
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_KOBJECT_UEVENT, SOCK_CLOEXEC);
	int r = 0;

	if (nl && mnl_socket_bind(nl, KERNEL_GROUP, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(nl);
		nl = NULL;
	}
	while (!r && !has_tag(tag))
		r = wait_uevent(nl, deadline_ns);
	if (nl)
		mnl_socket_close(nl);
	return r;
}
