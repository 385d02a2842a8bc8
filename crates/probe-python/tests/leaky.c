/* An extension that loses memory, or keeps it, in every way that is to be told apart. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct node {
    struct node *next;
    char text[100];
};

struct holder {
    PyObject *object;
    unsigned long number;
};

struct item {
    PyObject_HEAD
    struct node *first;
};

static struct node *kept;

/* The pointers that a call leaves behind on the stack are no part of what is tested. */
static void wipe(void)
{
    volatile char room[16384];
    memset((char *)room, 0, sizeof room);
}

static PyObject *done(void)
{
    wipe();
    Py_RETURN_NONE;
}

static PyObject *lose_text(PyObject *self, PyObject *args)
{
    long count;
    if (!PyArg_ParseTuple(args, "l", &count)) return NULL;
    for (long i = 0; i < count; i++)
        if (!strdup("2008-09-08T22:47:31-07:00")) return PyErr_NoMemory();
    return done();
}

static PyObject *lose_pymem(PyObject *self, PyObject *args)
{
    long count;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "ln", &count, &size)) return NULL;
    for (long i = 0; i < count; i++) {
        void *block = PyMem_Malloc(size);
        if (!block) return PyErr_NoMemory();
        memset(block, 0, size);
    }
    return done();
}

/* Blocks that point to each other and to a table of functions, and nobody to them. They are chains of
   100: a word that happens to look like a pointer to one of them saves no others. */
static PyObject *lose_ring(PyObject *self, PyObject *args)
{
    long count;
    if (!PyArg_ParseTuple(args, "l", &count)) return NULL;
    void **last = NULL;
    for (long i = 0; i < count; i++) {
        void **block = calloc(1, 216);
        if (!block) return PyErr_NoMemory();
        if (i % 100 == 0) last = NULL;
        block[0] = (void *)lose_ring;
        block[1] = last;
        if (last) last[2] = block;
        last = block;
    }
    return done();
}

static PyObject *keep_list(PyObject *self, PyObject *args)
{
    long count;
    if (!PyArg_ParseTuple(args, "l", &count)) return NULL;
    for (long i = 0; i < count; i++) {
        struct node *node = calloc(1, sizeof *node);
        if (!node) return PyErr_NoMemory();
        memset(node->text, 'x', sizeof node->text);
        node->next = kept;
        kept = node;
    }
    return done();
}

/* A mapping with guards, so that the kernel joins it with no other. */
static char *map(Py_ssize_t size)
{
    const size_t guard = 4096;
    char *memory = mmap(NULL, size + 2 * guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    memory += guard;
    if (mprotect(memory, size, PROT_READ | PROT_WRITE) != 0) return NULL;
    memset(memory, 1, size);
    return memory;
}

static PyObject *lose_mappings(PyObject *self, PyObject *args)
{
    long count;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "ln", &count, &size)) return NULL;
    for (long i = 0; i < count; i++)
        if (!map(size)) return PyErr_NoMemory();
    return done();
}

/* A mapping behind a static pointer. */
static char *volatile kept_mapping;

static PyObject *keep_mapping(PyObject *self, PyObject *args)
{
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "n", &size)) return NULL;
    kept_mapping = map(size);
    return kept_mapping ? done() : PyErr_NoMemory();
}

/* Native memory that holds references, and that nobody points to. */
static PyObject *lose_references(PyObject *self, PyObject *args)
{
    long count;
    if (!PyArg_ParseTuple(args, "l", &count)) return NULL;
    for (long i = 0; i < count; i++) {
        struct holder *holder = malloc(152);
        if (!holder) return PyErr_NoMemory();
        memset(holder, 0, 152);
        holder->object = PyFloat_FromDouble((double)i);
        if (!holder->object) return NULL;
        holder->number = i;
    }
    return done();
}

/* A new object of a kind, of which nobody else has a reference. */
static PyObject *fresh(const char *kind, PyObject *type, long number, Py_ssize_t size)
{
    if (!strcmp(kind, "str")) return PyUnicode_New(size, 127);
    if (!strcmp(kind, "bytes")) return PyBytes_FromStringAndSize(NULL, size);
    if (!strcmp(kind, "int")) return PyLong_FromLong(1000000000L + number);
    if (!strcmp(kind, "instance")) return PyObject_CallObject(type, NULL);
    PyObject *value = PyFloat_FromDouble((double)number);
    PyObject *owner = NULL;
    if (!value) return NULL;
    if (!strcmp(kind, "list") && (owner = PyList_New(size))) {
        for (Py_ssize_t i = 0; i < size; i++) {
            Py_INCREF(value);
            PyList_SetItem(owner, i, value);
        }
    } else if (!strcmp(kind, "tuple") && (owner = PyTuple_New(size))) {
        for (Py_ssize_t i = 0; i < size; i++) {
            Py_INCREF(value);
            PyTuple_SetItem(owner, i, value);
        }
    } else if (!strcmp(kind, "dict") && (owner = PyDict_New())) {
        PyDict_SetItem(owner, value, value);
    }
    Py_DECREF(value);
    return owner;
}

/* References that nobody gives back, and to which no pointer is left. */
static PyObject *lose_objects(PyObject *self, PyObject *args)
{
    const char *kind;
    PyObject *type;
    long count;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "slnO", &kind, &count, &size, &type)) return NULL;
    for (long i = 0; i < count; i++)
        if (!fresh(kind, type, i, size)) return NULL;
    return done();
}

/* The same, and native memory that nobody points to has the pointers. */
static PyObject *bury_objects(PyObject *self, PyObject *args)
{
    const char *kind;
    PyObject *type;
    long count;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "slnO", &kind, &count, &size, &type)) return NULL;
    for (long i = 0; i < count; i++) {
        struct holder *holder = malloc(152);
        if (!holder) return PyErr_NoMemory();
        memset(holder, 0, 152);
        if (!(holder->object = fresh(kind, type, i, size))) return NULL;
    }
    return done();
}

/* One reference too many to an object that is in use. */
static PyObject *take_reference(PyObject *self, PyObject *object)
{
    Py_INCREF(object);
    Py_RETURN_NONE;
}

static PyObject *item_add(PyObject *self, PyObject *args)
{
    long count;
    struct item *item = (struct item *)self;
    if (!PyArg_ParseTuple(args, "l", &count)) return NULL;
    for (long i = 0; i < count; i++) {
        struct node *node = malloc(248);
        if (!node) return PyErr_NoMemory();
        memset(node, 0, 248);
        node->next = item->first;
        item->first = node;
    }
    return done();
}

static PyMethodDef item_methods[] = {
    {"add", item_add, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject item_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "leaky.Item",
    .tp_basicsize = sizeof(struct item),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = item_methods,
    .tp_new = PyType_GenericNew,
};

static PyMethodDef methods[] = {
    {"lose_text", lose_text, METH_VARARGS, NULL},
    {"lose_pymem", lose_pymem, METH_VARARGS, NULL},
    {"lose_ring", lose_ring, METH_VARARGS, NULL},
    {"keep_list", keep_list, METH_VARARGS, NULL},
    {"lose_mappings", lose_mappings, METH_VARARGS, NULL},
    {"keep_mapping", keep_mapping, METH_VARARGS, NULL},
    {"lose_objects", lose_objects, METH_VARARGS, NULL},
    {"bury_objects", bury_objects, METH_VARARGS, NULL},
    {"take_reference", take_reference, METH_O, NULL},
    {"lose_references", lose_references, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "leaky", NULL, -1, methods,
};

PyMODINIT_FUNC PyInit_leaky(void)
{
    if (PyType_Ready(&item_type) < 0) return NULL;
    PyObject *self = PyModule_Create(&module);
    if (!self) return NULL;
    Py_INCREF(&item_type);
    if (PyModule_AddObject(self, "Item", (PyObject *)&item_type) < 0) return NULL;
    return self;
}
