/* Preloaded: lets flock or fsync fail below $DRIVE_ROOT as network drives let them fail. $DRIVE_LOCKS is the error number of
   flock there (0: none), $DRIVE_SYNC that of fsync on a folder. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int error_of(const char *variable, int handle) {
  const char *root = getenv("DRIVE_ROOT"), *number = getenv(variable);
  char link[64], path[PATH_MAX];
  if (!root || !number) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strncmp(path, root, strlen(root)) ? 0 : atoi(number);
}

int flock(int handle, int operation) {
  int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
  int error = error_of("DRIVE_LOCKS", handle);
  if (!error) return real(handle, operation);
  errno = error;
  return -1;
}

int fsync(int handle) {
  int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
  struct stat status;
  int error = error_of("DRIVE_SYNC", handle);
  if (!error || fstat(handle, &status) || !S_ISDIR(status.st_mode)) return real(handle);
  errno = error;
  return -1;
}
