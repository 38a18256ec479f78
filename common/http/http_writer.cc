#include "common/http/http_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/check.h"
#include "common/http/http_scanner.h"

namespace daphnis::http {
namespace {

bool is_token(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return is_token_char(static_cast<uint8_t>(c)); });
}

struct Date {
  int64_t year;
  unsigned month;  ///< 1 to 12.
  unsigned day;    ///< 1 to 31.
};

/// The date of a number of days since 1970-01-01, in the proleptic Gregorian calendar. Counts in
/// eras of 400 years that begin on March 1.
Date date_of(int64_t days) {
  const int64_t shifted = days + 719'468;
  const int64_t era = shifted / 146'097;
  const auto day_of_era = static_cast<unsigned>(shifted - era * 146'097);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned month_from_march = (5 * day_of_year + 2) / 153;
  const unsigned month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {.year = era * 400 + year_of_era + (month <= 2 ? 1 : 0),
          .month = month,
          .day = day_of_year - (153 * month_from_march + 2) / 5 + 1};
}

constexpr size_t kHeadBytesUsual = 2048;  ///< Most heads fit without a second allocation.

}  // namespace

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Unknown";
  }
}

std::string http_date(int64_t unix_seconds) {
  static constexpr std::string_view kDays[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
  static constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr int64_t kLastSecond = 253'402'300'799;  // 9999-12-31 23:59:59
  const int64_t seconds = std::clamp<int64_t>(unix_seconds, 0, kLastSecond);
  const int64_t days = seconds / 86'400;
  const int64_t rest = seconds % 86'400;
  const Date date = date_of(days);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[days % 7], date.day,
                     kMonths[date.month - 1], date.year, rest / 3'600, rest / 60 % 60, rest % 60);
}

bool is_field_value(std::string_view value) {
  const auto fits = [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  };
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  if (value.empty()) return true;
  return !is_space(value.front()) && !is_space(value.back()) && std::ranges::all_of(value, fits);
}

namespace {

void append_field(std::string& text, std::string_view name, std::string_view value) {
  check(is_token(name), "a field name is a token");
  check(is_field_value(value), "a field value stays on its line");
  text.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

HeadWriter HeadWriter::response(int status) {
  check(status >= 100 && status <= 599, "a status has three digits");
  HeadWriter writer;
  writer.text_.reserve(kHeadBytesUsual);
  fmt::format_to(std::back_inserter(writer.text_), "HTTP/1.1 {} {}\r\n", status,
                 reason_phrase(status));
  return writer;
}

HeadWriter HeadWriter::request(std::string_view method, std::string_view target) {
  const auto is_visible = [](char c) { return c > 0x20 && c < 0x7f; };
  check(is_token(method), "a method is a token");
  check(!target.empty() && std::ranges::all_of(target, is_visible), "a target is visible ASCII");
  HeadWriter writer;
  writer.text_.reserve(kHeadBytesUsual);
  fmt::format_to(std::back_inserter(writer.text_), "{} {} HTTP/1.1\r\n", method, target);
  return writer;
}

HeadWriter& HeadWriter::add(std::string_view name, std::string_view value) {
  append_field(text_, name, value);
  return *this;
}

HeadWriter& HeadWriter::add(const FieldLines& lines) {
  text_.append(lines.text());
  return *this;
}

FieldLines& FieldLines::add(std::string_view name, std::string_view value) {
  append_field(text_, name, value);
  return *this;
}

FieldLines& FieldLines::add(std::string_view name, uint64_t value) {
  return add(name, std::string_view(fmt::format_int(value).c_str()));
}

FieldLines& FieldLines::add(const FieldLines& lines) {
  text_.append(lines.text_);
  return *this;
}

FieldLines& FieldLines::reserve(size_t bytes) {
  text_.reserve(bytes);
  return *this;
}

HeadWriter& HeadWriter::add(std::string_view name, uint64_t value) {
  return add(name, std::string_view(fmt::format_int(value).c_str()));
}

std::string HeadWriter::finish() {
  text_.append("\r\n");
  return std::move(text_);
}

ChunkHead::ChunkHead(uint64_t size) : digits_{}, begin_(digits_.size() - 2) {
  check(size > 0, "an empty chunk would end the body");
  digits_[begin_] = '\r';
  digits_[begin_ + 1] = '\n';
  for (; size > 0; size >>= 4)
    digits_[--begin_] = static_cast<uint8_t>("0123456789abcdef"[size & 15]);
}

}  // namespace daphnis::http
