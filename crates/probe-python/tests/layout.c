/* Prints where the interpreter whose headers are used keeps what layout.rs has tables of. */
#define Py_BUILD_CORE 1
#include <Python.h>

#include <frameobject.h>
#include <stddef.h>
#include <stdio.h>

#if PY_VERSION_HEX < 0x03070000
/* All of it is in the public headers. */
#elif PY_VERSION_HEX < 0x03080000
#include "internal/mem.h"
#include "internal/pystate.h"
#elif PY_VERSION_HEX < 0x03090000
#include "internal/pycore_pymem.h"
#include "internal/pycore_pystate.h"
#else
#if PY_VERSION_HEX >= 0x030b0000
#include "internal/pycore_frame.h"
#endif
#include "internal/pycore_gc.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"
#include "internal/pycore_runtime.h"
#endif

#define SAY(name, value) printf("%s %zu\n", name, (size_t)(value))
#define GC(field) offsetof(struct _gc_runtime_state, field)

static void objects(void)
{
    SAY("type.bytes", sizeof(PyTypeObject));
    SAY("type.heap_bytes", sizeof(PyHeapTypeObject));
    SAY("type.cached_keys", offsetof(PyHeapTypeObject, ht_cached_keys));
    SAY("type.qualname", offsetof(PyHeapTypeObject, ht_qualname));
    SAY("type.name", offsetof(PyTypeObject, tp_name));
    SAY("type.basicsize", offsetof(PyTypeObject, tp_basicsize));
    SAY("type.itemsize", offsetof(PyTypeObject, tp_itemsize));
    SAY("type.flags", offsetof(PyTypeObject, tp_flags));
    SAY("type.base", offsetof(PyTypeObject, tp_base));
    SAY("type.dict", offsetof(PyTypeObject, tp_dict));
    SAY("type.mro", offsetof(PyTypeObject, tp_mro));
    SAY("object.gc_head", sizeof(PyGC_Head));
    SAY("tuple.items", offsetof(PyTupleObject, ob_item));
    SAY("text.ascii", sizeof(PyASCIIObject));
    SAY("text.compact", sizeof(PyCompactUnicodeObject));
    SAY("text.full", sizeof(PyUnicodeObject));
    SAY("dict.keys", offsetof(PyDictObject, ma_keys));
    SAY("dict.values", offsetof(PyDictObject, ma_values));
    SAY("list.items", offsetof(PyListObject, ob_item));
    SAY("list.allocated", offsetof(PyListObject, allocated));
    SAY("set.mask", offsetof(PySetObject, mask));
    SAY("set.table", offsetof(PySetObject, table));
    SAY("set.small", offsetof(PySetObject, smalltable));
    SAY("bytearray.allocated", offsetof(PyByteArrayObject, ob_alloc));
}

#if PY_VERSION_HEX < 0x03070000
static void collector(void)
{
}
#else
static void collector(void)
{
    SAY("gc.enabled", GC(enabled));
    SAY("gc.generations", GC(generations));
    SAY("gc.generation_size", sizeof(struct gc_generation));
    SAY("gc.threshold", offsetof(struct gc_generation, threshold));
    SAY("gc.count", offsetof(struct gc_generation, count));
    SAY("gc.permanent", GC(permanent_generation));
    SAY("gc.statistics", GC(generation_stats));
#if PY_VERSION_HEX >= 0x030f0000
    SAY("ring.item", sizeof(struct gc_generation_stats));
    SAY("ring.collections", offsetof(struct gc_generation_stats, collections));
    SAY("ring.items0", GC_YOUNG_STATS_SIZE);
    SAY("ring.items1", GC_OLD_STATS_SIZE);
    SAY("ring.index0", offsetof(struct gc_young_stats_buffer, index));
    SAY("ring.bytes0", sizeof(struct gc_young_stats_buffer));
#endif
    SAY("gc.collecting", GC(collecting));
    SAY("gc.garbage", GC(garbage));
}

static void frames(void)
{
    SAY("code.firstline", offsetof(PyCodeObject, co_firstlineno));
    SAY("code.filename", offsetof(PyCodeObject, co_filename));
#if PY_VERSION_HEX >= 0x030b0000
    SAY("code.name", offsetof(PyCodeObject, co_qualname));
    SAY("code.lines", offsetof(PyCodeObject, co_linetable));
    SAY("code.instructions", offsetof(PyCodeObject, co_code_adaptive));
    SAY("frame.back", offsetof(_PyInterpreterFrame, previous));
    SAY("frame.owner", offsetof(_PyInterpreterFrame, owner));
#if PY_VERSION_HEX >= 0x030d0000
    SAY("frame.code", offsetof(_PyInterpreterFrame, f_executable));
    SAY("frame.instruction", offsetof(_PyInterpreterFrame, instr_ptr));
    SAY("thread.frame", offsetof(PyThreadState, current_frame));
#else
    SAY("frame.code", offsetof(_PyInterpreterFrame, f_code));
    SAY("frame.instruction", offsetof(_PyInterpreterFrame, prev_instr));
    SAY("thread.frame", offsetof(PyThreadState, cframe));
    SAY("thread.inner_frame", offsetof(_PyCFrame, current_frame));
#endif
#else
    SAY("code.name", offsetof(PyCodeObject, co_name));
#if PY_VERSION_HEX >= 0x030a0000
    SAY("code.lines", offsetof(PyCodeObject, co_linetable));
#else
    SAY("code.lines", offsetof(PyCodeObject, co_lnotab));
#endif
    SAY("frame.back", offsetof(PyFrameObject, f_back));
    SAY("frame.code", offsetof(PyFrameObject, f_code));
    SAY("frame.instruction", offsetof(PyFrameObject, f_lasti));
    SAY("thread.frame", offsetof(PyThreadState, frame));
#endif
    SAY("bytes.data", offsetof(PyBytesObject, ob_sval));
    SAY("gil.locked", offsetof(struct _gil_runtime_state, locked));
    SAY("gil.holder", offsetof(struct _gil_runtime_state, last_holder));
#if PY_VERSION_HEX >= 0x030c0000
    SAY("interpreter.gil", offsetof(PyInterpreterState, _gil));
#else
    SAY("runtime.gil", offsetof(_PyRuntimeState, ceval.gil));
#endif
}

#endif

#if PY_VERSION_HEX >= 0x030d0000
#define ENTRY(name, field) SAY("entry." name, offsetof(_Py_DebugOffsets, field))

static void offsets(void)
{
    ENTRY("interpreters_head", runtime_state.interpreters_head);
    ENTRY("interpreter_id", interpreter_state.id);
    ENTRY("interpreter_next", interpreter_state.next);
    ENTRY("threads_head", interpreter_state.threads_head);
    ENTRY("collector", interpreter_state.gc);
    ENTRY("thread_next", thread_state.next);
    ENTRY("thread_interpreter", thread_state.interp);
    ENTRY("thread_handle", thread_state.thread_id);
    ENTRY("thread_native", thread_state.native_thread_id);
#if PY_VERSION_HEX >= 0x030e0000
    ENTRY("threads_main", interpreter_state.threads_main);
    ENTRY("eval_breaker", debugger_support.eval_breaker);
    ENTRY("debugger_support", debugger_support.remote_debugger_support);
    ENTRY("debugger_enabled", debugger_support.remote_debugging_enabled);
    ENTRY("debugger_pending", debugger_support.debugger_pending_call);
    ENTRY("script_path", debugger_support.debugger_script_path);
    ENTRY("script_path_size", debugger_support.debugger_script_path_size);
#endif
    ENTRY("locked", interpreter_state.gil_runtime_state_locked);
    ENTRY("holder", interpreter_state.gil_runtime_state_holder);
    ENTRY("thread_frame", thread_state.current_frame);
    ENTRY("back", interpreter_frame.previous);
    ENTRY("code", interpreter_frame.executable);
    ENTRY("instruction", interpreter_frame.instr_ptr);
    ENTRY("owner", interpreter_frame.owner);
    ENTRY("filename", code_object.filename);
    ENTRY("name", code_object.qualname);
    ENTRY("lines", code_object.linetable);
    ENTRY("firstline", code_object.firstlineno);
    ENTRY("instructions", code_object.co_code_adaptive);
}
#else
static void offsets(void)
{
#if PY_VERSION_HEX >= 0x03070000
    SAY("runtime.interpreters_head", offsetof(_PyRuntimeState, interpreters.head));
    SAY("interpreter.id", offsetof(PyInterpreterState, id));
#endif
    SAY("interpreter.next", offsetof(PyInterpreterState, next));
#if PY_VERSION_HEX >= 0x030b0000
    SAY("interpreter.threads_head", offsetof(PyInterpreterState, threads.head));
    SAY("thread.native", offsetof(PyThreadState, native_thread_id));
#else
    SAY("interpreter.threads_head", offsetof(PyInterpreterState, tstate_head));
#endif
    SAY("thread.next", offsetof(PyThreadState, next));
    SAY("thread.interpreter", offsetof(PyThreadState, interp));
    SAY("thread.handle", offsetof(PyThreadState, thread_id));
#if PY_VERSION_HEX >= 0x03090000
    SAY("interpreter.gc", offsetof(PyInterpreterState, gc));
#elif PY_VERSION_HEX >= 0x03070000
    SAY("runtime.gc", offsetof(_PyRuntimeState, gc));
#endif
}
#endif

#if PY_VERSION_HEX >= 0x030a0000
#define LIST(name, field) SAY("free." name, offsetof(PyInterpreterState, field))

static void free_lists(void)
{
#if PY_VERSION_HEX >= 0x030e0000
    LIST("float", object_state.freelists);
    LIST("tuples", object_state.freelists.tuples);
    LIST("last", object_state.freelists.pymethodobjects);
#elif PY_VERSION_HEX >= 0x030d0000
    LIST("float", object_state.freelists.floats.numfree);
    LIST("tuple heads", object_state.freelists.tuples.items);
    LIST("tuples", object_state.freelists.tuples.numfree);
    LIST("list", object_state.freelists.lists.numfree);
    LIST("dict", object_state.freelists.dicts.numfree);
    LIST("dict keys", object_state.freelists.dictkeys.numfree);
    LIST("context", object_state.freelists.contexts.numfree);
    LIST("async generator value", object_state.freelists.async_gens.numfree);
    LIST("async generator send", object_state.freelists.async_gen_asends.numfree);
#else
    LIST("float", float_state.numfree);
    LIST("tuple heads", tuple.free_list);
    LIST("tuples", tuple.numfree);
    LIST("list", list.numfree);
    LIST("dict", dict_state.numfree);
    LIST("dict keys", dict_state.keys_numfree);
    LIST("async generator value", async_gen.value_numfree);
    LIST("async generator send", async_gen.asend_numfree);
    LIST("context", context.numfree);
#if PY_VERSION_HEX < 0x030b0000
    LIST("frame", frame.numfree);
#endif
#endif
}
#endif

int main(void)
{
    objects();
#if PY_VERSION_HEX >= 0x030a0000
    free_lists();
#endif
    collector();
#if PY_VERSION_HEX >= 0x03070000
    frames();
#endif
    offsets();
    return 0;
}
