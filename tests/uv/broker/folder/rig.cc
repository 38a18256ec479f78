#include "tests/uv/broker/folder/rig.h"

#include <sys/mount.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace daphnis::broker::uv::test {

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "daphnis-folder-XXXXXX").string();
  path = ::mkdtemp(name.data());
}

TempFolder::~TempFolder() {
  std::error_code error;
  std::filesystem::remove_all(path, error);
}

SmallDisk::SmallDisk(const std::string& options) {
  if (::mount("daphnis-test", path.c_str(), "tmpfs", 0, options.c_str()) == 0) return;
  FAIL("this test mounts a tmpfs, which takes root: " << std::strerror(errno));
}

SmallDisk::~SmallDisk() {
  ::umount2(path.c_str(), MNT_DETACH);
}

void SmallDisk::remount(const std::string& options) {
  const unsigned long flags = options == "ro" ? MS_REMOUNT | MS_RDONLY : MS_REMOUNT;
  const std::string data = options == "ro" || options == "rw" ? "" : options;
  REQUIRE(::mount("daphnis-test", path.c_str(), "tmpfs", flags, data.c_str()) == 0);
}

Rig::Rig(const std::string& at, uint64_t scrub_bytes_per_s) : path(at) {
  settings.dir = path + "/cache";
  settings.spool_dir = path + "/spool";
  settings.pace = {.scrub_bytes_per_s = scrub_bytes_per_s,
                   .scrub_pause_ms = 20,
                   .probe_every_ms = 20,
                   .sweep_every_ms = 50};
  folder = std::make_unique<CacheFolder>(loop, settings,
                                         [this](FolderEvent event) { on_event(std::move(event)); });
}

void Rig::on_event(FolderEvent&& event) {
  if (auto* files = std::get_if<FilesFound>(&event)) {
    CHECK(files->entries.size() <= limits::kFilesFoundMax);
    found.insert(found.end(), files->entries.begin(), files->entries.end());
    scans += files->is_last ? 1 : 0;
  } else if (auto* stored = std::get_if<FileStored>(&event)) {
    stored_events.push_back(std::move(*stored));
  } else if (auto* unlinked = std::get_if<FilesUnlinked>(&event)) {
    deferred_frees.push_back(unlinked->deferred_free);
  } else if (auto* bad = std::get_if<FileCorrupt>(&event)) {
    corrupt.push_back(std::move(*bad));
  } else if (const auto* end = std::get_if<FileProven>(&event)) {
    proven.push_back(*end);
  } else if (auto* blocks = std::get_if<BlocksListed>(&event)) {
    listed.push_back(std::move(*blocks));
  } else {
    health.push_back(std::get<FolderHealth>(event));
    if (health.back().is_up) found.clear();
  }
}

void Rig::start() {
  const auto opened = open();
  INFO((opened ? "" : opened.error().text()));
  REQUIRE(opened);
  folder->start_scan();
  until([this] { return scans > 0; });
}

void Rig::stop() {
  folder.reset();
  // A probe under way shares the lock, which must be free before the next folder opens.
  until_pool_idle();
}

void Rig::until_pool_idle() {
  while (loop.raw()->active_reqs.count > 0) loop.run_once();
}

void Rig::restart() {
  stop();
  found.clear();
  scans = 0;
  folder = std::make_unique<CacheFolder>(loop, settings,
                                         [this](FolderEvent event) { on_event(std::move(event)); });
  start();
}

void Rig::until(const std::function<bool()>& holds) {
  constexpr uint64_t kPatienceMs = 60'000;
  bool is_late = false;
  daphnis::uv::Timer timer(loop, [&] { is_late = true; });
  timer.start(kPatienceMs);
  while (!holds() && !is_late) loop.run_once();
  REQUIRE(holds());
}

void Rig::until_idle() {
  until([this] { return folder->tasks_pending() == 0; });
}

void Rig::for_ms(uint64_t ms) {
  bool is_over = false;
  daphnis::uv::Timer timer(loop, [&] { is_over = true; });
  timer.start(ms);
  while (!is_over) loop.run_once();
}

void Rig::store(const CachedFile& file, uint64_t number, std::optional<Uuid> block_secret) {
  const std::string name = "0-" + std::to_string(::getpid()) + "-" + std::to_string(number);
  write_file(settings.dir + "/tmp/" + name, file.bytes);
  folder->add(StoreFile{{WorkerId{1}, number}, name, file.key, file.bytes.size(), block_secret});
}

FileStored Rig::stored(const CachedFile& file) {
  const size_t before = stored_events.size();
  store(file, before + 1);
  until([&] { return stored_events.size() > before; });
  return stored_events.back();
}

void Rig::unlink(const RequestKey& key, uint64_t deferred_free) {
  folder->add(UnlinkFiles{deferred_free, {key}});
}

std::string Rig::object(const CachedFile& file) const {
  return settings.dir + "/objects/" + cache_file_name(file.key);
}

bool Rig::has(const CachedFile& file) const {
  return std::filesystem::exists(object(file));
}

size_t Rig::files_in(const std::string& name) const {
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(settings.dir + "/" + name)) {
    // The probe makes and removes a file of its own at any time.
    if (entry.path().filename().string().starts_with(kProbeName)) continue;
    files += entry.is_regular_file() ? 1 : 0;
  }
  return files;
}

std::optional<CacheEntry> Rig::found_entry(const RequestKey& key) const {
  const auto at = std::ranges::find(found, key, &CacheEntry::key);
  return at == found.end() ? std::nullopt : std::optional(*at);
}

CacheFolder::EntrySource Rig::source() {
  return [this](uint64_t cursor, size_t count, std::vector<CacheEntry>& out) -> uint64_t {
    const size_t end = std::min<size_t>(found.size(), cursor + count);
    out.insert(out.end(), found.begin() + static_cast<ptrdiff_t>(cursor),
               found.begin() + static_cast<ptrdiff_t>(end));
    return end == found.size() ? 0 : end;
  };
}

void write_file(const std::string& path, Bytes bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  file.close();
  REQUIRE(file);
}

void rot(const std::string& path, uint64_t at) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(at));
  const char byte = static_cast<char>(file.get() ^ 0x01);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
  file.close();
  REQUIRE(file);
}

}  // namespace daphnis::broker::uv::test
