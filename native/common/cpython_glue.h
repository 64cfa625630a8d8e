/* Python's arguments to C and back on CPython, for calls so short that cffi's layers weigh.
 *
 * A decoder's frame at 8 kHz takes 5 µs, and cffi's object per buffer and conversion per argument one more.
 * Everything else goes through cffi. The rules are those of mp_glue.h; errors of the core are returned, and
 * the Python file in native/host turns them into exceptions. Stable ABI of Python 3.11. */
#ifndef CALLBOARD_CPYTHON_GLUE_H
#define CALLBOARD_CPYTHON_GLUE_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>

#include "bytes.h"

#define TAKEN_MAX 5 /* buffers, and numbers, of one call */

/* What a call got. Its buffers can neither move nor go until they are given back. */
typedef struct {
    Py_buffer buffers[TAKEN_MAX];
    int32_t numbers[TAKEN_MAX];
    int buffer_count;
    int number_count;
} taken_t;

/* Buffer i as two arguments of a core. */
#define TAKEN(taken, i) (taken).buffers[i].buf, (size_t)(taken).buffers[i].len

static inline void give_back(taken_t *taken) {
    while (taken->buffer_count > 0) {
        PyBuffer_Release(&taken->buffers[--taken->buffer_count]);
    }
}

/* A contiguous buffer. TypeError if there is none, or if it is read-only where it must not be. */
static inline int take_buffer(taken_t *taken, PyObject *object, int flags) {
    if (PyObject_GetBuffer(object, &taken->buffers[taken->buffer_count], flags)) {
        if (PyErr_ExceptionMatches(PyExc_BufferError)) {
            PyErr_Clear();
            PyErr_SetString(PyExc_TypeError,
                flags & PyBUF_WRITABLE ? "contiguous, writable buffer expected" : "contiguous buffer expected");
        }
        return 0;
    }
    taken->buffer_count++;
    return 1;
}

/* An offset, count or value. ValueError beyond 32 bits, TypeError if it is no integer. */
static inline int take_number(taken_t *taken, PyObject *object) {
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (value == -1 && !overflow && PyErr_Occurred()) {
        return 0;
    }
    if (overflow || value != (int32_t)value) {
        PyErr_SetString(PyExc_ValueError, "out of range");
        return 0;
    }
    taken->numbers[taken->number_count++] = (int32_t)value;
    return 1;
}

/* All arguments, as `kinds` says: r, w a buffer to read or to write, i a number. 0 with an exception set. */
static inline int take(taken_t *taken, const char *kinds, PyObject *const *arguments, Py_ssize_t count) {
    taken->buffer_count = taken->number_count = 0;
    for (Py_ssize_t k = 0; kinds[k] || k < count; k++) {
        if (!kinds[k] || k >= count) {
            PyErr_SetString(PyExc_TypeError, "wrong number of arguments");
        } else if (kinds[k] == 'i' ? take_number(taken, arguments[k])
                : take_buffer(taken, arguments[k], kinds[k] == 'w' ? PyBUF_WRITABLE : PyBUF_SIMPLE)) {
            continue;
        }
        give_back(taken);
        return 0;
    }
    return 1;
}

#endif
