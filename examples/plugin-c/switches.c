/*
 * A probe in plain C: how often a process was switched out, and how many threads it has.
 *
 * It needs the header and the C library, no more: documents are written with snprintf, and the
 * two things that it wants to know from a request are found with strstr. Linux.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "memprobe_plugin.h"

#define VERSION "1.0.0"

/* What `open` makes: here only the way back to the host. */
struct memprobe_probe {
  const memprobe_host *host;
};

/* ---- Text to and from the host --------------------------------------------------------- */

static void release(memprobe_bytes *bytes) {
  free(bytes->private_data);
  *bytes = (memprobe_bytes){0};
}

/* Hands text over. It is freed by `release` when the host has read it. */
static int32_t give(memprobe_bytes *out, int32_t status, const char *format, ...) {
  size_t size = 4096;
  char *text = malloc(size);
  if (text == NULL) return MEMPROBE_OTHER;
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, size, format, arguments);
  va_end(arguments);
  if (length < 0 || (size_t)length >= size) {
    free(text);
    return MEMPROBE_OTHER;
  }
  *out = (memprobe_bytes){(const uint8_t *)text, (size_t)length, release, text};
  return status;
}

/* A copy that ends with a NUL byte, as strstr wants it. Free it. */
static char *copy(memprobe_str text) {
  char *copied = malloc(text.len + 1);
  if (copied == NULL) return NULL;
  if (text.len > 0) memcpy(copied, text.data, text.len);
  copied[text.len] = '\0';
  return copied;
}

static void log_text(const memprobe_host *host, uint32_t level, const char *message) {
  if (host->log == NULL || level > host->max_level) return;
  memprobe_str text = {(const uint8_t *)message, strlen(message)};
  memprobe_str target = {(const uint8_t *)"switches", 8};
  host->log(host->context, level, target, text);
}

/* ---- What the request asks ------------------------------------------------------------- */

/*
 * What follows a key. A key cannot be mistaken for text of the same letters: quotes within JSON
 * text carry a backslash.
 */
static const char *value_of(const char *json, const char *key) {
  const char *found = json == NULL ? NULL : strstr(json, key);
  if (found == NULL) return NULL;
  found += strlen(key);
  return found + strspn(found, " \t\r\n:");
}

/* The PID, or 0. */
static uint32_t wanted_pid(const char *request) {
  const char *pid = value_of(value_of(request, "\"target\""), "\"pid\"");
  if (pid == NULL || *pid < '0' || *pid > '9') return 0;
  unsigned long number = strtoul(pid, NULL, 10);
  return number <= INT32_MAX ? (uint32_t)number : 0;
}

/* Whether our question is among those asked; none at all means all of them. */
static int is_wanted(const char *request) {
  const char *list = value_of(request, "\"questions\"");
  if (list == NULL || *list != '[') return 1;
  size_t length = strcspn(list, "]");
  if (strspn(list, "[ \t\r\n") == length) return 1;
  const char *ours = strstr(list, "\"switches\"");
  return ours != NULL && (size_t)(ours - list) < length;
}

/* ---- The process ------------------------------------------------------------------------ */

struct switches {
  uint64_t threads, voluntary, involuntary;
};

/* 0, or errno. */
static int look(uint32_t pid, struct switches *seen) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%" PRIu32 "/status", pid);
  FILE *file = fopen(path, "re");
  if (file == NULL) return errno;
  int found = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    found += sscanf(line, "Threads: %" SCNu64, &seen->threads) == 1;
    found += sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &seen->voluntary) == 1;
    found += sscanf(line, "nonvoluntary_ctxt_switches: %" SCNu64, &seen->involuntary) == 1;
  }
  fclose(file);
  return found == 3 ? 0 : ENODATA;
}

static int32_t status_of(int error) {
  switch (error) {
    case ENOENT: return MEMPROBE_NOT_FOUND;
    case ESRCH: return MEMPROBE_TARGET_ENDED;
    case EACCES: return MEMPROBE_PERMISSION_DENIED;
    case ENODATA: return MEMPROBE_UNSUPPORTED;
    default: return MEMPROBE_IO;
  }
}

static uint64_t nanoseconds(clockid_t clock) {
  struct timespec now = {0};
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- The four functions ----------------------------------------------------------------- */

static int32_t describe(memprobe_bytes *out) {
  static const char text[] =
      "{\"name\":\"switches\",\"version\":\"" VERSION "\","
      "\"summary\":\"how often the process was switched out\",\"level\":\"high\","
      "\"questions\":[{\"name\":\"switches\",\"tables\":[\"switches\"],"
      "\"cost\":\"one read of /proc/PID/status\"}],"
      "\"characteristics\":{\"availability\":\"Linux, any process that can be seen\","
      "\"memory_granularity\":\"none\",\"execution_granularity\":\"process\","
      "\"memory_cost\":\"none\",\"execution_cost\":\"none\",\"developer_cost\":\"none\"}}";
  /* A constant: there is nothing to release. */
  *out = (memprobe_bytes){(const uint8_t *)text, sizeof text - 1, NULL, NULL};
  return MEMPROBE_OK;
}

static int32_t open_probe(const memprobe_host *host, memprobe_str config, memprobe_probe **out,
                          memprobe_bytes *err) {
  if (config.len == 0 || config.data[0] != '{')
    return give(err, MEMPROBE_INVALID_INPUT, "the configuration is no JSON object");
  memprobe_probe *probe = malloc(sizeof *probe);
  if (probe == NULL) return MEMPROBE_OTHER;
  probe->host = host;
  log_text(host, MEMPROBE_LEVEL_DEBUG, "opened");
  *out = probe;
  return MEMPROBE_OK;
}

static int32_t answer(uint32_t pid, int wanted, memprobe_bytes *out, memprobe_bytes *err) {
  struct switches seen = {0};
  int error = look(pid, &seen);
  if (error != 0)
    return give(err, status_of(error),
                "{\"message\":\"cannot read /proc/%" PRIu32 "/status: %s\","
                "\"hint\":\"check that the process runs and that /proc shows it\"}",
                pid, strerror(error));
  char tables[1024] = "";
  if (wanted)
    snprintf(tables, sizeof tables,
             "{\"name\":\"switches\",\"columns\":["
             "{\"name\":\"pid\",\"role\":\"key\",\"type\":\"u64\",\"values\":[%" PRIu32 "]},"
             "{\"name\":\"threads\",\"role\":\"level\",\"unit\":\"count\",\"type\":\"u64\","
             "\"values\":[%" PRIu64 "]},"
             "{\"name\":\"voluntary\",\"role\":\"counter\",\"unit\":\"count\",\"type\":\"u64\","
             "\"values\":[%" PRIu64 "]},"
             "{\"name\":\"involuntary\",\"role\":\"counter\",\"unit\":\"count\",\"type\":\"u64\","
             "\"values\":[%" PRIu64 "]}]}",
             pid, seen.threads, seen.voluntary, seen.involuntary);
  return give(out, MEMPROBE_OK,
              "{\"schema\":1,\"probe\":{\"name\":\"switches\",\"version\":\"" VERSION "\"},"
              "\"target\":{\"pid\":%" PRIu32 "},"
              "\"taken\":{\"unix_ns\":%" PRIu64 ",\"monotonic_ns\":%" PRIu64 "},"
              "\"complete\":true,\"tables\":[%s]}",
              pid, nanoseconds(CLOCK_REALTIME), nanoseconds(CLOCK_MONOTONIC), tables);
}

static int32_t snapshot(memprobe_probe *probe, memprobe_str request, memprobe_bytes *out,
                        memprobe_bytes *err) {
  char *text = copy(request);
  uint32_t pid = wanted_pid(text);
  int wanted = is_wanted(text);
  free(text);
  if (pid == 0) return give(err, MEMPROBE_INVALID_INPUT, "the request names no process");
  log_text(probe->host, MEMPROBE_LEVEL_TRACE, "looking");
  return answer(pid, wanted, out, err);
}

static void close_probe(memprobe_probe *probe) { free(probe); }

MEMPROBE_EXPORT const memprobe_plugin *memprobe_plugin_v1(void) {
  static const memprobe_plugin plugin = {
      sizeof(memprobe_plugin), MEMPROBE_ABI_MINOR, 0, describe, open_probe, snapshot, close_probe,
  };
  return &plugin;
}
