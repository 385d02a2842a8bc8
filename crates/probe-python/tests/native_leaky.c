/* An extension that keeps blocks by pointers that are not to their beginning, and loses references. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST 30000

static uintptr_t inside[MOST], past[MOST], low[MOST], high[MOST], cookie[MOST];

/* The pointers that a call leaves behind on the stack are no part of what is tested. */
static PyObject *done(void)
{
    volatile char room[16384];
    memset((char *)room, 0, sizeof room);
    Py_RETURN_NONE;
}

static PyObject *keep(PyObject *args, uintptr_t *pointers, size_t size, size_t by, uintptr_t marks)
{
    long count;
    if (!PyArg_ParseTuple(args, "l", &count)) return NULL;
    for (long i = 0; i < count && i < MOST; i++) {
        char *block = calloc(1, size);
        if (!block) return PyErr_NoMemory();
        pointers[i] = (uintptr_t)(block + by) | marks;
    }
    return done();
}

/* Into the middle, as containers of several parts do. */
static PyObject *keep_inside(PyObject *self, PyObject *args)
{
    return keep(args, inside, 504, 200, 0);
}

/* One past the last byte, as iterators do. */
static PyObject *keep_past(PyObject *self, PyObject *args)
{
    return keep(args, past, 520, 520, 0);
}

/* With marks in the lowest bits, as trees and unions do. */
static PyObject *keep_low(PyObject *self, PyObject *args)
{
    return keep(args, low, 536, 0, 5);
}

/* With marks in the highest bits. */
static PyObject *keep_high(PyObject *self, PyObject *args)
{
    return keep(args, high, 552, 0, (uintptr_t)0xab << 56);
}

/* Behind the number of elements, as new[] of C++ gives it. */
static PyObject *keep_cookie(PyObject *self, PyObject *args)
{
    return keep(args, cookie, 568, 8, 0);
}

/* Blocks that begin with the address of a table of functions, and nobody points to. */
static void (*const table[])(void) = {(void (*)(void))keep_inside, (void (*)(void))keep_past};

static PyObject *lose_instances(PyObject *self, PyObject *args)
{
    long count;
    if (!PyArg_ParseTuple(args, "l", &count)) return NULL;
    for (long i = 0; i < count; i++) {
        void **block = calloc(1, 584);
        if (!block) return PyErr_NoMemory();
        block[0] = (void *)table;
    }
    return done();
}

/* Python objects to which only references lead that nobody has. */
static PyObject *lose_objects(PyObject *self, PyObject *args)
{
    long count;
    if (!PyArg_ParseTuple(args, "l", &count)) return NULL;
    for (long i = 0; i < count; i++)
        if (!PyBytes_FromStringAndSize(NULL, 2000)) return NULL;
    return done();
}

/* Handles as Python code keeps them: addresses as numbers. */
static PyObject *addresses(PyObject *self, PyObject *args)
{
    long count;
    if (!PyArg_ParseTuple(args, "l", &count)) return NULL;
    PyObject *list = PyList_New(0);
    for (long i = 0; list && i < count; i++) {
        PyObject *number = PyLong_FromVoidPtr(calloc(1, 616));
        if (!number || PyList_Append(list, number) < 0) Py_CLEAR(list);
        Py_XDECREF(number);
    }
    Py_XDECREF(done());
    return list;
}

/* Takes blocks and gives them back for ever, half of the time. */
static void *busy(void *seed)
{
    unsigned long random = (uintptr_t)seed;
    void *blocks[100] = {0};
    for (unsigned long i = 0;; i++) {
        if (i % 1000 == 0) usleep(100);
        random = random * 6364136223846793005UL + 1442695040888963407UL;
        void **block = &blocks[(random >> 33) % 100];
        free(*block);
        *block = malloc((random >> 40) % 5000);
    }
    return NULL;
}

/* Threads that never stop to work on the heap. */
static PyObject *work(PyObject *self, PyObject *args)
{
    long count;
    pthread_t thread;
    if (!PyArg_ParseTuple(args, "l", &count)) return NULL;
    for (long i = 0; i < count; i++)
        if (pthread_create(&thread, NULL, busy, (void *)(uintptr_t)(i + 1)) != 0)
            return PyErr_NoMemory();
    return done();
}

/* Blocks that only memory leads to which is left out of core files, and in huge pages if there are. */
static PyObject *keep_advised(PyObject *self, PyObject *args)
{
    long count;
    if (!PyArg_ParseTuple(args, "l", &count)) return NULL;
    const size_t size = 4 << 20;
    void **memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return PyErr_NoMemory();
    madvise(memory, size, MADV_DONTDUMP);
    madvise(memory, size, MADV_HUGEPAGE);
    for (long i = 0; i < count; i++)
        if (!(memory[i] = calloc(1, 600))) return PyErr_NoMemory();
    return done();
}

static PyMethodDef methods[] = {
    {"addresses", addresses, METH_VARARGS, NULL},
    {"work", work, METH_VARARGS, NULL},
    {"keep_advised", keep_advised, METH_VARARGS, NULL},
    {"keep_inside", keep_inside, METH_VARARGS, NULL},
    {"keep_past", keep_past, METH_VARARGS, NULL},
    {"keep_low", keep_low, METH_VARARGS, NULL},
    {"keep_high", keep_high, METH_VARARGS, NULL},
    {"keep_cookie", keep_cookie, METH_VARARGS, NULL},
    {"lose_instances", lose_instances, METH_VARARGS, NULL},
    {"lose_objects", lose_objects, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "native_leaky", NULL, -1, methods,
};

PyMODINIT_FUNC PyInit_native_leaky(void) { return PyModule_Create(&module); }
