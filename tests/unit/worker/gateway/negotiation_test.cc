#include "tests/unit/worker/gateway/gateway_helper.h"

using namespace daphnis;
using namespace daphnis::worker;

namespace {

const std::string kPath = "/ipfs/" + std::string(kDir);

/// The result as text: "raw", "car n", "car y", or the refusal's code.
std::string chosen(std::string_view query, const std::vector<std::string>& accepts) {
  Ask ask{kPath + std::string(query)};
  for (const std::string& accept : accepts) ask.headers.push_back({"Accept", accept});
  const auto decision = decide(ask);
  if (const auto* answer = std::get_if<Answer>(&decision)) {
    return std::to_string(answer->status) + " " + std::string(answer->code);
  }
  const CarRequest& request = std::get<Content>(decision).request;
  if (request.format == AnswerFormat::kRaw) return "raw";
  return request.dups ? "car y" : "car n";
}

struct Case {
  std::string query;
  std::vector<std::string> accepts;
  std::string chosen;
};

void check_all(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    CAPTURE(c.query, c.accepts);
    CHECK(chosen(c.query, c.accepts) == c.chosen);
  }
}

}  // namespace

TEST_CASE("format in the query beats Accept both ways", "[worker][negotiation]") {
  check_all({
      {"?format=car", {"application/vnd.ipld.raw"}, "car n"},
      {"?format=raw", {"application/vnd.ipld.car"}, "raw"},
      {"?format=raw", {"application/vnd.ipld.car; version=2"}, "raw"},
      {"?format=car", {"text/html"}, "car n"},
      {"?format=raw", {}, "raw"},
  });
}

TEST_CASE("parameters come from the query before Accept", "[worker][negotiation]") {
  check_all({
      {"?format=car", {"application/vnd.ipld.car; version=1; order=dfs; dups=y"}, "car y"},
      {"?format=car&car-dups=n", {"application/vnd.ipld.car; dups=y"}, "car n"},
      {"?format=car&car-dups=y", {"application/vnd.ipld.car; dups=n"}, "car y"},
      {"?car-dups=y", {"application/vnd.ipld.car; dups=n"}, "car y"},
      {"?car-dups=y", {"*/*"}, "car y"},
      {"?format=car&car-order=dfs", {"application/vnd.ipld.car; order=bfs"}, "car n"},
      {"?format=car&car-version=1", {"application/vnd.ipld.car; version=2; dups=y"}, "car y"},
      {"?format=car", {"application/vnd.ipld.car; version=2"}, "400 car_version_unsupported"},
      {"?format=car", {"application/vnd.ipld.car;dups=y;q=0.1, application/vnd.ipld.car"}, "car n"},
  });
}

TEST_CASE("Accept is chosen from by weight then specificity then place", "[worker][negotiation]") {
  check_all({
      {"", {"application/vnd.ipld.raw"}, "raw"},
      {"", {"application/vnd.ipld.car"}, "car n"},
      {"", {"application/vnd.ipld.car, application/vnd.ipld.raw"}, "car n"},
      {"", {"application/vnd.ipld.raw, application/vnd.ipld.car"}, "raw"},
      {"", {"application/vnd.ipld.raw;q=0.5, application/vnd.ipld.car;q=0.6"}, "car n"},
      {"", {"application/vnd.ipld.raw;q=0.999, application/vnd.ipld.car;q=0.998"}, "raw"},
      {"", {"application/vnd.ipld.raw; q=0.5", "application/vnd.ipld.car"}, "car n"},
      {"", {"*/*, application/vnd.ipld.raw"}, "raw"},
      {"", {"text/html, application/xml;q=0.9, */*;q=0.8"}, "car n"},
      {"", {"application/*"}, "car n"},
      {"", {"*/*, application/vnd.ipld.car;q=0"}, "raw"},
      {"",
       {"*/*, application/vnd.ipld.car;q=0, application/vnd.ipld.raw;q=0"},
       "400 no_usable_format"},
      {"", {"*/*;q=0"}, "400 no_usable_format"},
      {"", {"application/vnd.ipld.raw;q=0"}, "400 no_usable_format"},
      {"", {"text/*"}, "400 no_usable_format"},
      {"", {"application/vnd.ipld.car;q=0.0"}, "400 no_usable_format"},
  });
}

TEST_CASE("parameters of Accept are read as the media type says", "[worker][negotiation]") {
  const std::string type = "application/vnd.ipld.car";
  check_all({
      {"", {type + ";version=1;order=dfs;dups=y"}, "car y"},
      {"", {type + " ; DUPS = y"}, "car y"},
      {"", {type + ";dups=\"y\""}, "car y"},
      {"", {type + ";order=unk"}, "car n"},
      {"", {type + ";unknown=\"a;b,c\";dups=y"}, "car y"},
      {"", {type + ";;dups=y;"}, "car y"},
      {"", {type + ";version=2"}, "400 car_version_unsupported"},
      {"", {type + ";order=rnd"}, "400 car_order_unsupported"},
      {"", {type + ";dups=maybe"}, "400 car_dups_unsupported"},
      {"", {type + ";dups=Y"}, "400 car_dups_unsupported"},
      {"", {type + ";version=2, " + type + ";version=1;dups=y;q=0.1"}, "car y"},
      {"", {type + ";version=2, */*;q=0.1"}, "car n"},
      {"", {type + ";q=1.5"}, "400 no_usable_format"},
      {"", {type + ";q=x, application/vnd.ipld.raw;q=0.1"}, "raw"},
      {"", {type + ";q="}, "400 no_usable_format"},
      {"", {type + ";q=1.000;dups=y"}, "car y"},
      {"", {type + ";q=0.0001"}, "400 no_usable_format"},
      {"", {type + "x"}, "400 no_usable_format"},
      {"", {type + ";x=\"\\\""}, "car n"},
      {"", {type + ";x=\"\\"}, "car n"},
  });
}

TEST_CASE("Content-Location pins what Accept contributed", "[worker][negotiation]") {
  const auto location = [](std::string_view query, std::vector<http::Header> headers) {
    return header(content_of({kPath + std::string(query), std::move(headers)}).headers,
                  "content-location");
  };
  const http::Header car_y = {"Accept", "application/vnd.ipld.car; dups=y"};
  CHECK(location("", {{"Accept", "application/vnd.ipld.raw"}}) == kPath + "?format=raw");
  CHECK(location("", {car_y}) == kPath + "?format=car&car-version=1&car-order=dfs&car-dups=y");
  CHECK(location("?filename=a.car", {car_y}) ==
        kPath + "?filename=a.car&format=car&car-version=1&car-order=dfs&car-dups=y");
  CHECK(location("?format=car", {car_y}) ==
        kPath + "?format=car&car-version=1&car-order=dfs&car-dups=y");
  CHECK(location("?format=car", {{"Accept", "application/vnd.ipld.car"}}) == "none");
  CHECK(location("?format=car&car-dups=y", {car_y}) == "none");
  CHECK(location("?format=car", {}) == "none");
  CHECK(location("?format=raw", {{"Accept", "application/vnd.ipld.raw"}}) == "none");
}

TEST_CASE("Content-Location leads to the same request", "[worker][negotiation]") {
  for (std::string accept : {"application/vnd.ipld.raw", "*/*", "application/vnd.ipld.car;dups=y",
                             "application/vnd.ipld.car;order=unk"}) {
    CAPTURE(accept);
    for (std::string query : {"", "?", "?a=b", "?car-dups=n", "?dag-scope=block&"}) {
      const Content first = content_of({kPath + query, {{"Accept", accept}}});
      const Content second = content_of({header(first.headers, "content-location")});
      CHECK(second.request == first.request);
      CHECK(second.etag == first.etag);
    }
  }
}

TEST_CASE("Vary names Accept where Accept could matter", "[worker][negotiation]") {
  const auto varies = [](std::string_view query, std::vector<http::Header> headers = {}) {
    return header(content_of({kPath + std::string(query), std::move(headers)}).headers, "vary");
  };
  CHECK(varies("", {{"Accept", "*/*"}}) == "Accept");
  CHECK(varies("?format=car") == "Accept");
  CHECK(varies("?format=car&car-dups=n") == "none");
  CHECK(varies("?format=raw") == "none");
}
