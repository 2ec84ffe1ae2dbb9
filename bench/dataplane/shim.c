/* Loaded into wrk by LD_PRELOAD: what wrk cannot do by itself.
 *   BENCH_CERTIFICATE, BENCH_KEY  PEM files: the client certificate with its chain, and its key
 *   BENCH_FULL_HANDSHAKES         set: no TLS session is resumed
 *   names under .localhost        are 127.0.0.1, whatever the machine's resolver says
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int SSL_CTX_use_certificate_chain_file(void *context, const char *file);
int SSL_CTX_use_PrivateKey_file(void *context, const char *file, int type);
int SSL_set_session(void *connection, void *session);

enum { PEM = 1, CANNOT_LOAD = 2 };

static void *next_symbol(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        fprintf(stderr, "shim: %s is nowhere to be found\n", name);
        exit(CANNOT_LOAD);
    }
    return found;
}

void *SSL_CTX_new(const void *method) {
    void *(*original)(const void *) = (void *(*)(const void *))next_symbol("SSL_CTX_new");
    void *context = original(method);
    const char *certificate = getenv("BENCH_CERTIFICATE"), *key = getenv("BENCH_KEY");
    if (context == NULL || certificate == NULL || key == NULL) {
        return context;
    }
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, PEM) != 1) {
        fprintf(stderr, "shim: cannot load the client certificate %s\n", certificate);
        exit(CANNOT_LOAD);
    }
    return context;
}

/* wrk clears a connection before it uses it again; a session that stays in it would be resumed. */
int SSL_clear(void *connection) {
    static int (*original)(void *);
    static int is_full = -1;
    if (original == NULL) {
        original = (int (*)(void *))next_symbol("SSL_clear");
        is_full = getenv("BENCH_FULL_HANDSHAKES") != NULL;
    }
    int result = original(connection);
    if (is_full) {
        SSL_set_session(connection, NULL);
    }
    return result;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    static const char suffix[] = ".localhost";
    int (*original)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))next_symbol("getaddrinfo");
    size_t length = host == NULL ? 0 : strlen(host), own = sizeof suffix - 1;
    if (length > own && strcmp(host + length - own, suffix) == 0) {
        host = "127.0.0.1";
    }
    return original(host, service, hints, found);
}
