/* What this program asks of Linux, without a C library. */
#include <stddef.h>

/* The contents of a file, to stay; NULL if it cannot be read. */
void *system_read_file(const char *path, size_t *size);
void system_exit(int status) __attribute__((noreturn));

/* Write every register window to the stack, as deep as the recursion goes (windows.S). */
void window_spill(int depth);
