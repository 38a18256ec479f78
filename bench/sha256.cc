// bench_sha256 FILE SECONDS: hashes the file's bytes over and over with OpenSSL's sha2-256, in
// pieces of at most 1 MiB as a verifier of 1 MiB blocks would, and prints "BYTES CPU_SECONDS": the
// least that any proof of the same bytes costs.

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "bench/cpu_seconds.h"

namespace {

constexpr size_t kPieceBytes = 1024 * 1024;

void hash_once(EVP_MD_CTX* context, const unsigned char* data, size_t size) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  for (size_t at = 0; at < size; at += kPieceBytes) {
    EVP_DigestInit_ex(context, nullptr, nullptr);
    EVP_DigestUpdate(context, data + at, std::min(kPieceBytes, size - at));
    EVP_DigestFinal_ex(context, digest.data(), nullptr);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_sha256 FILE SECONDS\n");
    return 2;
  }
  const int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (fd < 0 || fstat(fd, &info) != 0 || info.st_size == 0) {
    std::perror(argv[1]);
    return 1;
  }
  const auto size = static_cast<size_t>(info.st_size);
  void* mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  if (mapped == MAP_FAILED) {
    std::perror("mmap");
    return 1;
  }
  const auto* data = static_cast<const unsigned char*>(mapped);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestInit_ex(context, EVP_sha256(), nullptr);
  hash_once(context, data, size);  // This run warms the pages and caches.

  const double wanted = std::atof(argv[2]);
  const double start = cpu_seconds();
  double spent = 0;
  double bytes = 0;
  while (spent < wanted) {
    hash_once(context, data, size);
    bytes += static_cast<double>(size);
    spent = cpu_seconds() - start;
  }
  std::printf("%.0f %.6f\n", bytes, spent);
  EVP_MD_CTX_free(context);
  return 0;
}
