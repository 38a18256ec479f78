#include "worker/gateway/content_headers.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "common/base/limits.h"

namespace daphnis::worker {
namespace {

/// The Cache-Control of immutable content. Its age of 336 days is what IPFS gateways send.
constexpr std::string_view kForever = "public, max-age=29030400, immutable";

std::string_view extension(AnswerFormat format) {
  return format == AnswerFormat::kCar ? ".car" : ".bin";
}

/// True for a byte that could leave a file name's quotes or its folder.
bool is_unsafe(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return byte < 0x20 || byte == 0x7f || c == '"' || c == '/' || c == '\\';
}

/// The file name that is made of `name` (the root's text) and of the path's last segment where that
/// needs no escapes.
std::string default_name(const CarRequest& request, std::string name) {
  if (!request.path.empty()) {
    const std::string& last = request.path.back();
    const bool plain =
        last.size() <= limits::kFileNamePartBytesMax && http::percent_encode(last) == last;
    if (plain) name.append("_").append(last);
  }
  return name.append(extension(request.format));
}

/// A Content-Disposition (RFC 6266), with the form of RFC 8187 beside where ASCII cannot spell the
/// name.
std::string disposition(std::string name) {
  std::ranges::replace_if(name, is_unsafe, '_');
  std::string ascii = name;
  std::ranges::replace_if(
      ascii, [](char c) { return static_cast<uint8_t>(c) >= 0x80; }, '_');
  std::string value = fmt::format("attachment; filename=\"{}\"", ascii);
  if (ascii != name) value.append("; filename*=UTF-8''").append(http::percent_encode(name));
  return value;
}

/// The URL that gives this answer whatever the Accept field says (GATEWAY 1.2): the query with what
/// Accept chose.
std::string content_location(const Variant& variant, const http::Target& target,
                             const http::Query& query) {
  std::string url = std::string(target.path) + "?" + std::string(target.query);
  const auto pin = [&url, &query](std::string_view key, std::string_view value) {
    if (query.find(key)) return;
    if (url.back() != '?' && url.back() != '&') url += '&';
    url.append(key).append("=").append(value);
  };
  const bool is_car = variant.format == AnswerFormat::kCar;
  pin("format", is_car ? "car" : "raw");
  if (!is_car) return url;
  pin("car-version", "1");
  pin("car-order", "dfs");
  pin("car-dups", variant.dups ? "y" : "n");
  return url;
}

std::string hex(std::span<const uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

std::string etag_of(const CarRequest& request, const RequestKey& key) {
  if (request.format == AnswerFormat::kRaw) return fmt::format("\"{}.raw\"", request.root.text());
  return fmt::format("\"{}.car.{}\"", request.root.text(), hex(std::span(key).first(16)));
}

std::expected<std::vector<http::Header>, http::Refusal> content_headers(const Content& content,
                                                                        const Variant& variant,
                                                                        const http::Target& target,
                                                                        const http::Query& query) {
  const CarRequest& request = content.request;
  const bool is_car = request.format == AnswerFormat::kCar;
  const std::string* filename = query.find("filename");
  if (filename && (filename->size() > limits::kFileNameBytesMax ||
                   !simdjson::validate_utf8(filename->data(), filename->size()))) {
    return std::unexpected(
        http::Refusal{400, "bad_filename", "the filename is too long or not UTF-8"});
  }
  const bool named = filename && !filename->empty();
  const std::string root = request.root.text();
  std::vector<http::Header> headers;
  headers.push_back({"Content-Type",
                     is_car ? fmt::format("application/vnd.ipld.car; version=1; order=dfs; dups={}",
                                          request.dups ? 'y' : 'n')
                            : "application/vnd.ipld.raw"});
  headers.push_back(
      {"Content-Disposition", disposition(named ? *filename : default_name(request, root))});
  if (!content.etag.empty()) headers.push_back({"Etag", content.etag});
  // Other content can be made for a CID of sha1.
  headers.push_back(
      {"Cache-Control", is_forgeable(request.root) ? "no-store" : std::string(kForever)});
  headers.push_back({"Accept-Ranges", is_car ? "none" : "bytes"});
  headers.push_back({"X-Content-Type-Options", "nosniff"});
  headers.push_back({"X-Ipfs-Path", to_text(http::IpfsPath{request.root, request.path})});
  // The roots of a path are known only once it has been walked.
  if (request.path.empty()) headers.push_back({"X-Ipfs-Roots", root});
  if (variant.accept_contributed) {
    headers.push_back({"Content-Location", content_location(variant, target, query)});
  }
  if (variant.accept_matters) headers.push_back({"Vary", "Accept"});
  return headers;
}

std::vector<http::Header> not_modified_headers(const Content& content) {
  constexpr std::string_view kRepeated[] = {"Etag", "Cache-Control", "Content-Location", "Vary"};
  std::vector<http::Header> headers;
  for (const http::Header& header : content.headers) {
    if (std::ranges::find(kRepeated, header.name) != std::end(kRepeated)) headers.push_back(header);
  }
  return headers;
}

std::string content_range(const Part& part, uint64_t size) {
  return fmt::format("bytes {}-{}/{}", part.offset, part.offset + part.length - 1, size);
}

Answer unsatisfiable(uint64_t size) {
  Answer answer{.status = 416,
                .code = "range_not_satisfiable",
                .detail = "the range names no byte of the block"};
  answer.headers.push_back({"Content-Range", fmt::format("bytes */{}", size)});
  return answer;
}

}  // namespace daphnis::worker
