/* The frame path for CPython: encode, decode, decode_fec and conceal of opus_core.h.
 *
 * A second module in the library that cffi makes; callboard_native/opus.py says how it is reached. As with
 * cffi, other threads run while libopus does. */
#include "../common/cpython_glue.h"
#include "opus_core.h"

/* encode, decode and decode_fec differ only in what they call. */
typedef int32_t (*coder_t)(uint8_t *, size_t, uint8_t *, size_t, const uint8_t *, size_t, int32_t, int32_t,
    uint8_t *, size_t, int32_t, int32_t);

static PyObject *code_with(coder_t coder, PyObject *const *arguments, Py_ssize_t count) {
    taken_t got;
    int32_t done;
    if (!take(&got, "wwriiwii", arguments, count)) {
        return NULL;
    }
    const int32_t *n = got.numbers;
    Py_BEGIN_ALLOW_THREADS
    done = coder(TAKEN(got, 0), TAKEN(got, 1), TAKEN(got, 2), n[0], n[1], TAKEN(got, 3), n[2], n[3]);
    Py_END_ALLOW_THREADS
    give_back(&got);
    return PyLong_FromLong(done);
}

static PyObject *encode(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    return code_with(cbo_encode, arguments, count);
}

static PyObject *decode(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    return code_with(cbo_decode, arguments, count);
}

static PyObject *decode_fec(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    return code_with(cbo_decode_fec, arguments, count);
}

static PyObject *conceal(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    (void)module;
    taken_t got;
    int32_t done;
    if (!take(&got, "wwwii", arguments, count)) {
        return NULL;
    }
    const int32_t *n = got.numbers;
    Py_BEGIN_ALLOW_THREADS
    done = cbo_conceal(TAKEN(got, 0), TAKEN(got, 1), TAKEN(got, 2), n[0], n[1]);
    Py_END_ALLOW_THREADS
    give_back(&got);
    return PyLong_FromLong(done);
}

#define FUNCTION(name) { #name, (PyCFunction)(void (*)(void))(name), METH_FASTCALL, NULL }

static PyMethodDef functions[] = {
    FUNCTION(encode),
    FUNCTION(decode),
    FUNCTION(decode_fec),
    FUNCTION(conceal),
    { NULL, NULL, 0, NULL },
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "callboard_native._opus_frame",
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit__opus_frame(void) {
    return PyModuleDef_Init(&definition);
}
