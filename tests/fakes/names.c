/* Resolves names as a test says, for programs started with this as LD_PRELOAD. DAPHNIS_NAMES has
 * pairs NAME=ADDRESS with commas between them. The first whose NAME is the asked one, or above it,
 * counts; ADDRESS may be "none", since the name is then unknown. All other names are resolved as
 * always. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_below(const char* name, const char* domain) {
  size_t more = strlen(name), size = strlen(domain);
  if (more < size || strcmp(name + more - size, domain) != 0) return 0;
  return more == size || name[more - size - 1] == '.';
}

int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints,
                struct addrinfo** found) {
  int (*real)(const char*, const char*, const struct addrinfo*, struct addrinfo**) =
      dlsym(RTLD_NEXT, "getaddrinfo");
  const char* names = getenv("DAPHNIS_NAMES");
  char domain[256], address[64];
  int size = 0;
  for (; node && names && sscanf(names, "%255[^=,]=%63[^,]%n", domain, address, &size) == 2;
       names += size + (names[size] == ',')) {
    if (!is_below(node, domain)) continue;
    if (strcmp(address, "none") == 0) return EAI_NONAME;
    return real(address, service, hints, found);
  }
  return real(node, service, hints, found);
}
