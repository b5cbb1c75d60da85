// A mount namespace for one process, and becoming another user. Each returns 0, or -1 with errno.

#ifndef AIPM_CPROCESS_MOUNTS_H
#define AIPM_CPROCESS_MOUNTS_H

/// Opens a path only as a reference (O_PATH, open(2)), without the permission to read it. The
/// descriptor, or -1 with errno.
int cprocess_hold(const char *path);
/// Gives the calling thread its own mount namespace: later mounts of the machine appear in it, and
/// its own mounts do not propagate. The program that the thread executes next inherits it.
int cprocess_own_mounts(void);
/// Mounts an empty folder in memory over a folder, 0755 and owned by root.
int cprocess_cover(const char *path);
/// Mounts what was opened (after cprocess_own_mounts) at another path, with everything below it.
int cprocess_bind(int opened, const char *target);
/// Makes a folder that covers another one read-only.
int cprocess_seal(const char *path);
/// Becomes the user permanently, without supplementary groups.
int cprocess_become(unsigned int user, unsigned int group);

/// 1 if a file is in memory, by its file system; 0 if not, or if nothing exists at `path`.
int cprocess_is_in_memory(const char *path);

#endif
