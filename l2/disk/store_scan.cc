#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>

#include "l2/disk/store.h"

namespace daphnis::l2 {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTurn{1000};
/// Sections that are gathered before they are added to the index under its lock.
constexpr size_t kBatch = 8192;

int64_t wall_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// True where the file was changed within kStoreQuietMs: its writer may not be done.
bool was_just_written(const FileStamp& stamp) {
  const int64_t age_ns = wall_ns() - stamp.modified_ns;
  return age_ns >= 0 && age_ns < int64_t{limits::kStoreQuietMs} * 1'000'000;
}

/// True where a file that is cut is not expected to grow any more. That includes a file whose time
/// of change lies in the future, which says nothing about its age.
bool stays_cut(const FileStamp& stamp) {
  const int64_t age_ns = wall_ns() - stamp.modified_ns;
  return age_ns < 0 || age_ns >= int64_t{limits::kCarCutMs} * 1'000'000;
}

bool is_car_name(std::string_view name) {
  constexpr std::string_view kSuffix = ".car";
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return name.size() >= kSuffix.size() &&
         std::ranges::equal(name.substr(name.size() - kSuffix.size()), kSuffix, {}, lower);
}

LogLine note(std::string_view event, const std::string& name) {
  LogLine line(event);
  line.add("file", name);
  return line;
}

}  // namespace

Store::ScanReport Store::scan() {
  const auto until = Clock::now() + kTurn;
  ScanReport report;
  if (!list_folder(report)) return report;
  for (auto& [name, known] : known_) {
    if (known.state != FileState::kNew) continue;
    if (is_stopping_ || Clock::now() > until) {
      report.has_more = true;
      break;
    }
    index_file(name, known, report);
  }
  forget_missing();
  if (!std::exchange(has_changed_, false)) return report;
  std::vector<Cid> roots;
  for (const auto& [name, known] : known_) {
    roots.insert(roots.end(), known.roots.begin(), known.roots.end());
  }
  report.holdings = make_holdings(std::move(roots));
  report.is_complete = std::ranges::all_of(known_, [](const auto& entry) {
    const Known& known = entry.second;
    return known.state == FileState::kUsed ? !known.roots.empty() : known.state != FileState::kNew;
  });
  return report;
}

bool Store::list_folder(ScanReport& report) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(folder_.c_str()), closedir);
  if (!folder) {
    // The index stays as it is: a folder that is missing for a moment (a mount) comes back.
    if (std::exchange(could_list_, false)) {
      LogLine line = note("store_unreadable", folder_);
      line.add("error", std::generic_category().message(errno));
      report.notes.emplace_back(LogLevel::kError, std::move(line));
    }
    return false;
  }
  could_list_ = true;
  for (auto& [name, known] : known_) known.is_seen = false;
  PassedOver passed_over;
  while (const dirent* entry = readdir(folder.get())) {
    struct stat status {};
    if (!is_car(dirfd(folder.get()), entry->d_name, status, passed_over)) continue;
    if (known_.size() == limits::kStoreFilesMax && !known_.contains(entry->d_name)) {
      ++passed_over.too_many;
      continue;
    }
    const auto [at, is_new] = known_.try_emplace(entry->d_name);
    Known& known = at->second;
    known.is_seen = true;
    const FileStamp stamp = FileStamp::of(status);
    if (!is_new && known.stamp == stamp) {
      if (known.state == FileState::kGrowing && stays_cut(stamp)) known.state = FileState::kNew;
      continue;
    }
    // A new name is read at once; a changed file only after kStoreQuietMs without a change.
    if (!is_new && was_just_written(stamp)) {
      report.is_being_written = true;
      continue;
    }
    known.stamp = stamp;
    known.state = FileState::kNew;
  }
  tell_passed_over(passed_over, report);
  return true;
}

bool Store::is_car(int folder, const char* name, struct stat& status, PassedOver& passed_over) {
  if (name[0] == '.') return false;
  if (fstatat(folder, name, &status, 0) != 0) {
    // The entry is gone since it was listed, or is a link that leads nowhere.
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0) ++passed_over.no_files;
    return false;
  }
  uint64_t& count = S_ISDIR(status.st_mode)    ? passed_over.folders
                    : !S_ISREG(status.st_mode) ? passed_over.no_files
                                               : passed_over.other_names;
  if (S_ISREG(status.st_mode) && is_car_name(name)) return true;
  ++count;
  return false;
}

void Store::tell_passed_over(const PassedOver& now, ScanReport& report) {
  if (std::exchange(passed_over_, now) == now) return;
  LogLine line = note("store_passed_over", folder_);
  const std::pair<const char*, uint64_t> counts[] = {{"folders", now.folders},
                                                     {"not_named_car", now.other_names},
                                                     {"no_files", now.no_files},
                                                     {"too_many", now.too_many}};
  for (const auto& [why, count] : counts) {
    if (count > 0) line.add(why, count);
  }
  line.add("advice", "only files whose names end in .car are served, of the folder itself");
  report.notes.emplace_back(now == PassedOver{} ? LogLevel::kDebug : LogLevel::kWarn,
                            std::move(line));
}

Result<CarFile::Contents> Store::read_file(const std::string& path, Known& known, uint32_t id) {
  const auto file = File::open_to_read(path);
  if (!file) return std::unexpected(file.error());
  const auto stamp = file->stamp();
  if (!stamp) return std::unexpected(stamp.error());
  known.stamp = *stamp;
  if (stamp->size >= SectionPlace::kOffsetLimit) {
    return fail(Errc::kTooLarge, "files of 1 TiB and more are not indexed");
  }
  {
    const std::unique_lock lock(mutex_);
    files_[id] = {path, *stamp};
  }
  std::vector<BlockIndex::Entry> batch;
  const auto put_batch = [&] {
    const std::unique_lock lock(mutex_);
    index_.add(batch);
    batch.clear();
  };
  auto contents = CarFile::scan(*file, [&](const CarFile::Section& section) {
    batch.push_back(BlockIndex::entry_of(section.cid, {id, section.offset, section.size}));
    if (batch.size() == kBatch) put_batch();
    return !is_stopping_;
  });
  put_batch();
  return contents;
}

void Store::index_file(const std::string& name, Known& known, ScanReport& report) {
  const uint32_t id = next_id_++;
  const auto contents = read_file(folder_ + "/" + name, known, id);
  if (known.id != 0) gone_.push_back(known.id);
  known.id = id;
  known.roots.clear();
  has_changed_ = true;
  const bool is_cut =
      contents ? contents->flaws.cut_at.has_value() : contents.error().code == Errc::kTruncated;
  const bool may_grow = is_cut && !stays_cut(known.stamp);
  LogLine line = note(is_cut ? "car_incomplete" : !contents ? "car_unusable" : "car_flawed", name);
  if (!contents) line.add("error", contents.error().text());
  if (contents && contents->flaws.first) {
    line.add("offset", contents->flaws.first->offset).add("why", contents->flaws.first->why);
    line.add("passed_over_bytes", contents->flaws.passed_over_bytes);
  }
  line.add("used", contents && !may_grow ? "its whole blocks" : may_grow ? "not yet" : "no");
  if (!contents || contents->flaws.first) {
    report.notes.emplace_back(may_grow ? LogLevel::kInfo : LogLevel::kWarn, std::move(line));
  }
  if (!contents || may_grow) {
    known.state = may_grow ? FileState::kGrowing : FileState::kUnusable;
    gone_.push_back(id);
    return;
  }
  known.state = FileState::kUsed;
  report.notes.emplace_back(LogLevel::kDebug, note("car_indexed", name));
  if (is_cut) return;  // An L1 that asked for its root would get half a DAG.
  const std::shared_lock lock(mutex_);
  for (const Cid& root : contents->roots) {
    if (index_.is_in_file(root, id)) known.roots.push_back(root);
  }
}

void Store::forget_missing() {
  for (auto at = known_.begin(); at != known_.end();) {
    if (at->second.is_seen) {
      ++at;
      continue;
    }
    if (at->second.id != 0) gone_.push_back(at->second.id);
    at = known_.erase(at);
    has_changed_ = true;
  }
  if (gone_.empty()) return;
  std::ranges::sort(gone_);
  {
    const std::unique_lock lock(mutex_);
    index_.forget_files(gone_);
    for (const uint32_t id : gone_) files_.erase(id);
  }
  const std::lock_guard lock(open_mutex_);
  open_files_.remove_if(
      [this](const auto& entry) { return std::ranges::binary_search(gone_, entry.first); });
  gone_.clear();
}

}  // namespace daphnis::l2
