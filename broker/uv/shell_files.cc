#include <utility>

#include "broker/uv/shell.h"

/// The part of the shell for files: those of lines, and the cache's folder.
namespace daphnis::broker::uv {
namespace {

/// Opens what `path` names into `file`; leaves it null where that is empty.
Result<void> open_lines(daphnis::uv::Loop& loop, const std::string& path,
                        std::unique_ptr<LineFile>& file) {
  if (path.empty()) return {};
  auto opened = LineFile::open(loop, path);
  if (!opened) return std::unexpected(opened.error());
  file = std::move(*opened);
  return {};
}

void reopen_lines(const std::unique_ptr<LineFile>& file, std::string_view event,
                  daphnis::uv::Log& log) {
  if (!file) return;
  if (auto opened = file->reopen(); !opened) {
    log.error(LogLine(event).add("error", opened.error().text()));
  }
}

}  // namespace

Result<void> Shell::open_line_files() {
  auto opened = open_lines(loop_, shell_settings_.stats_file, stats_file_);
  if (opened) opened = open_lines(loop_, shell_settings_.attempts_file, attempts_file_);
  return opened;
}

void Shell::reopen() {
  reopen_lines(stats_file_, "stats_file_not_reopened", log_);
  reopen_lines(attempts_file_, "attempts_file_not_reopened", log_);
}

void Shell::reload_auth() {
  if (shell_settings_.auth.mode == L2AuthMode::kOpen) return;
  L2AuthReload reload = reread_l2_auth(shell_settings_.auth, broker_.auth());
  for (const Error& error : reload.errors) {
    ++broker_.counters().auth_files_bad;
    log_.error(LogLine("l2_auth_file_not_taken")
                   .add("error", error.text())
                   .add("advice", "what it said before stays in force"));
  }
  broker_.set_auth(std::move(reload.auth), loop_.now_ms());
  log_.info(LogLine("l2_auth_reloaded")
                .add("files_not_taken", reload.errors.size())
                .add("l2s", broker_.registrations().registry().size()));
  carry_out();
}

Result<void> Shell::open_denylist() {
  if (shell_settings_.denylist.files.empty()) return {};
  auto read = read_denylist(shell_settings_.denylist);
  if (!read) {
    // Another start would find the same line.
    if (read.error().code != Errc::kSystem) read.error().code = Errc::kInvalid;
    return std::unexpected(std::move(read.error()));
  }
  take_denylist(std::move(*read));
  return {};
}

void Shell::reload_certificates() {
  if (!handshakes_.has_context()) return;
  auto contexts = daphnis::uv::reread_server_contexts(shell_settings_.tls, log_);
  if (contexts) handshakes_.set_context(std::move(contexts->for_l2s));
}

void Shell::reload_denylist() {
  if (!shell_settings_.denylist.files.empty()) denylist_reload_.start();
}

void Shell::on_denylist_read(Result<ReadDenylist> read) {
  if (read) {
    take_denylist(std::move(*read));
    return carry_out();
  }
  ++broker_.counters().denylists_bad;
  log_.error(LogLine("denylist_not_taken")
                 .add("error", read.error().text())
                 .add("advice", "what the files said before stays in force"));
}

void Shell::take_denylist(ReadDenylist read) {
  log_.info(LogLine("denylist_taken")
                .add("rules", read.counts.rules)
                .add("exceptions", read.counts.exceptions)
                .add("ipns_passed_over", read.counts.ipns)
                .add("hashes_passed_over", read.counts.hashes));
  broker_.set_denylist(std::move(read.list), loop_.now_ms());
}

Result<void> Shell::open_folder() {
  const Settings& settings = broker_.settings();
  if (settings.cache_dir.empty() && settings.spool_dir.empty()) return {};
  folder_ = std::make_unique<CacheFolder>(
      loop_,
      CacheFolder::Settings{.dir = settings.cache_dir,
                            .spool_dir = settings.spool_dir,
                            .pace = {.scrub_bytes_per_s = settings.cache_scrub_bytes_per_s}},
      [this](const FolderEvent& event) {
        broker_.on_folder(event, loop_.now_ms());
        carry_out();
      });
  if (auto opened = folder_->open(); !opened) return opened;
  share_filter();
  return {};
}

/// Shares the counting Bloom filter with workers. Without it they ask the disk for every request,
/// which is slower but right.
void Shell::share_filter() {
  const Settings& settings = broker_.settings();
  const std::string path =
      FolderPaths{.dir = settings.cache_dir, .spool_dir = settings.spool_dir}.filter();
  if (path.empty()) return;
  auto memory = daphnis::uv::SharedMemory::create(path, CountingBloomFilter::kBytes);
  if (!memory) {
    log_.info(LogLine("bloom_filter_off").add("reason", memory.error().text()));
    return;
  }
  filter_ = std::move(*memory);
  broker_.cache().set_filter(CountingBloomFilter(filter_->bytes()), path);
}

CacheFolder::EntrySource Shell::entries() const {
  return [this](uint64_t cursor, size_t count, std::vector<CacheEntry>& out) {
    const CacheIndex* index = broker_.cache().index();
    if (!index) return uint64_t{0};
    return index->visit(cursor, count, [&](const CacheEntry& entry) { out.push_back(entry); });
  };
}

void Shell::write_snapshot() {
  if (!folder_) return;
  if (auto written = folder_->write_snapshot(entries()); !written) {
    log_.warn(LogLine("cache_snapshot_not_written").add("error", written.error().text()));
  }
}

}  // namespace daphnis::broker::uv
