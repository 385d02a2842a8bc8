/* A small plugin with a fault that the compiler is told by -D. For the tests of the kit. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memprobe_plugin.h"

#ifdef SIGNS_AS_ANOTHER
#define SIGNATURE "another"
#else
#define SIGNATURE "faulty"
#endif
#ifdef NO_TIME
#define TAKEN "0"
#else
#define TAKEN "1"
#endif
#ifdef SAME_KEYS
#define VALUES "[1,1]"
#else
#define VALUES "[1,2]"
#endif
#ifdef NO_QUESTIONS
#define QUESTIONS ""
#else
#define QUESTIONS "{\"name\":\"faulty\",\"tables\":[\"faulty\"],\"cost\":\"\"}"
#endif

static const memprobe_host *services;

static void release(memprobe_bytes *bytes) {
  free(bytes->private_data);
#ifndef KEEPS_RELEASE
  bytes->release = NULL;
#endif
}

static int32_t give(memprobe_bytes *out, int32_t status, const char *text) {
  char *copied = strdup(text);
  if (copied == NULL) return MEMPROBE_OTHER;
  *out = (memprobe_bytes){(const uint8_t *)copied, strlen(copied), release, copied};
  return status;
}

static int32_t describe(memprobe_bytes *out) {
  static int calls = 0;
  char text[1024];
#ifdef FICKLE
  calls++;
#endif
  snprintf(text, sizeof text,
           "{\"name\":\"faulty\",\"version\":\"1\",\"summary\":\"call %d\",\"level\":\"high\","
           "\"questions\":[" QUESTIONS "],\"characteristics\":{\"availability\":\"\","
           "\"memory_granularity\":\"\",\"execution_granularity\":\"\",\"memory_cost\":\"\","
           "\"execution_cost\":\"\",\"developer_cost\":\"\"}}",
           calls);
  return give(out, MEMPROBE_OK, text);
}

static int32_t open_probe(const memprobe_host *host, memprobe_str config, memprobe_probe **out,
                          memprobe_bytes *err) {
  services = host;
#ifndef TAKES_NONSENSE
  if (config.len == 0 || config.data[0] != '{')
    return give(err, MEMPROBE_INVALID_INPUT, "no object");
#else
  (void)config, (void)err;
#endif
  *out = (memprobe_probe *)&services;
  return MEMPROBE_OK;
}

static void log_something(void) {
  uint32_t level = 3;
  const char *text = "looking";
#ifdef ODD_LEVEL
  level = 9;
#endif
#ifdef ODD_TEXT
  text = "\xff\xfe";
#endif
  memprobe_str none = {NULL, 0}, message = {(const uint8_t *)text, strlen(text)};
  if (services->log != NULL) services->log(services->context, level, none, message);
}

static int32_t snapshot(memprobe_probe *probe, memprobe_str request, memprobe_bytes *out,
                        memprobe_bytes *err) {
  (void)probe;
#ifdef CRASHES
  abort();
#endif
  char text[4096], answer[2048];
  snprintf(text, sizeof text, "%.*s", (int)request.len, (const char *)request.data);
  log_something();
  const char *found = strstr(text, "\"pid\":");
  unsigned long pid = found == NULL ? 0 : strtoul(found + 6, NULL, 10);
  if (pid == 0) return give(err, MEMPROBE_INVALID_INPUT, "no pid");
#ifndef ANSWERS_FOR_ANYONE
  char path[64];
  snprintf(path, sizeof path, "/proc/%lu", pid);
#ifdef MUTE
  if (access(path, F_OK) != 0) return MEMPROBE_NOT_FOUND;
#else
  if (access(path, F_OK) != 0) return give(err, MEMPROBE_NOT_FOUND, "no such process");
#endif
#endif
  int wanted = strstr(text, "nobody-answers-this") == NULL;
#ifdef EAGER
  wanted = 1;
#endif
  snprintf(answer, sizeof answer,
           "{\"schema\":1,\"probe\":{\"name\":\"" SIGNATURE "\",\"version\":\"1\"},"
           "\"target\":{\"pid\":%lu},\"taken\":{\"unix_ns\":" TAKEN ",\"monotonic_ns\":" TAKEN "},"
           "\"complete\":true,\"tables\":[%s]}",
           pid,
           wanted ? "{\"name\":\"faulty\",\"columns\":[{\"name\":\"key\",\"role\":\"key\","
                    "\"type\":\"u64\",\"values\":" VALUES "}]}"
                  : "");
  return give(out, MEMPROBE_OK, answer);
}

static void close_probe(memprobe_probe *probe) { (void)probe; }

MEMPROBE_EXPORT const memprobe_plugin *memprobe_plugin_v1(void) {
  static const memprobe_plugin plugin = {
      sizeof(memprobe_plugin), MEMPROBE_ABI_MINOR,
#ifdef RESERVED
      7,
#else
      0,
#endif
      describe, open_probe, snapshot, close_probe,
  };
  return &plugin;
}
