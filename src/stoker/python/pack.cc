// Packing and shards, as Python sees them; the package stoker.pack makes plans, manifests and texts.

#include <fcntl.h>
#include <nanobind/stl/shared_ptr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "stoker/base/hash.h"
#include "stoker/pack/new_file.h"
#include "stoker/pack/packing.h"
#include "stoker/pack/verify.h"
#include "stoker/python/live_runs.h"
#include "stoker/python/module.h"
#include "stoker/python/options.h"
#include "stoker/source/shards.h"

namespace stoker {
namespace {

// The longest wait in one call, so that Python looks for Ctrl-C often.
constexpr double kMaxAdvanceSeconds = 0.05;

int64_t wait_ns(double seconds) {
  if (!(seconds >= 0)) throw ArgumentError("pack: seconds must be at least 0.");
  return static_cast<int64_t>(std::min(seconds, kMaxAdvanceSeconds) * 1e9);
}

std::string take_path(nb::dict& given, const char* name) {
  if (!given.contains(name)) return {};
  const nb::object object = given[name];
  nb::del(given[name]);
  return path_from_python(object);
}

PackingOptions take_packing_options(nb::dict& given) {
  PackingOptions options;
  options.folder = take_path(given, "folder");
  options.source_root = take_path(given, "root");
  options.form = take_choice<PackForm>(given, "form",
                                       {{"raw", PackForm::kRaw},
                                        {"source", PackForm::kSource},
                                        {"jpeg", PackForm::kJpeg},
                                        {"npy", PackForm::kNpy}});
  options.jpeg.quality = static_cast<int>(std::clamp<int64_t>(take<int64_t>(given, "quality", 95), -1, 1000));
  options.jpeg.subsampling = take_choice<ChromaSubsampling>(given, "chroma",
                                                            {{"4:2:0", ChromaSubsampling::kQuarter},
                                                             {"4:2:2", ChromaSubsampling::kHalf},
                                                             {"4:4:4", ChromaSubsampling::kNone}});
  options.shards = take<std::vector<int64_t>>(given, "shards", {});
  options.samples_per_shard = take<int64_t>(given, "samples_per_shard", 0);
  options.variants = static_cast<int>(std::clamp<int64_t>(take<int64_t>(given, "variants", 1), -1, 1000));
  options.footers = take<std::vector<std::string>>(given, "footers", {});
  options.seed = take<uint64_t>(given, "seed", 0);
  options.threads = static_cast<int>(std::clamp<int64_t>(take<int64_t>(given, "threads", 1), -1, 1'000'000));
  options.skips_bad = take<bool>(given, "skips_bad", false);
  options.replaces = take<bool>(given, "replaces", false);
  options.checks_space = take<bool>(given, "checks_space", true);
  return options;
}

std::shared_ptr<Packing> make_packing(std::shared_ptr<Source> source,
                                      const std::vector<NamedOperator>& operators, const nb::kwargs& kwargs) {
  nb::dict given = nb::cast<nb::dict>(kwargs.attr("copy")());
  const PlanOptions plan_options = take_plan_options(given);
  PackingOptions options = take_packing_options(given);
  if (given.size() > 0) {
    throw ArgumentTypeError("pack: unknown option " + nb::cast<std::string>(nb::repr(given.keys())) + ".");
  }
  if (plan_options.decode.color == Color::kBgr) options.jpeg.order = ChannelOrder::kBgr;
  auto plan = std::make_shared<Plan>(operators, plan_options, PlanInput(*source));
  plan->refuse_islands("pack");
  auto packing = std::make_shared<Packing>(std::move(source), std::move(plan), options);
  close_at_exit(packing);
  return packing;
}

PackingProgress advance_unless_ending(Packing& packing, int64_t wait_ns, InsideRun& here) {
  try {
    const PackingProgress progress = packing.advance(wait_ns);
    here.stay_if_ending();
    return progress;
  } catch (...) {
    here.stay_if_ending();
    throw;
  }
}

nb::dict advance_packing(Packing& packing, double seconds) {
  const int64_t wait = wait_ns(seconds);
  PackingProgress progress;
  {
    InsideRun here;
    const nb::gil_scoped_release release;
    progress = advance_unless_ending(packing, wait, here);
  }
  nb::dict out;
  out["finished"] = progress.is_finished;
  out["samples_done"] = progress.samples_done;
  out["samples_total"] = progress.samples_total;
  out["bytes_written"] = progress.bytes_written;
  out["bytes_estimated"] = progress.bytes_estimated;
  out["bytes_free"] = progress.bytes_free;
  return out;
}

nb::list files_to_python(const Packing& packing) {
  nb::list list;
  for (const PackedFile& file : packing.files()) {
    nb::dict out;
    out["name"] = text_to_python(file.name);
    out["shard"] = file.shard;
    out["variant"] = file.variant;
    out["records"] = file.records;
    out["bytes"] = file.size_bytes;
    out["kept"] = file.was_kept;
    list.append(out);
  }
  return list;
}

const char* name_of_kind(FieldKind kind) {
  switch (kind) {
    case FieldKind::kImage:
      return "image";
    case FieldKind::kMask:
      return "mask";
    case FieldKind::kBoxes:
      return "boxes";
    default:
      return "keypoints";
  }
}

Shard open_without_gil(nb::handle path) {
  const std::string text = path_from_python(path);
  const nb::gil_scoped_release release;
  return open_shard(text);
}

// The shape that all records have in a field; None where they differ or nothing is known of it.
nb::object common_shape(const ShardIndex& index, size_t field) {
  const ImageShape* common = nullptr;
  for (size_t i = field; i < index.parts.size(); i += index.fields.size()) {
    const ShardPart& part = index.parts[i];
    if (part.form == PartForm::kSource || (common != nullptr && part.shape != *common)) return nb::none();
    common = &part.shape;
  }
  if (common == nullptr) return nb::none();
  return nb::make_tuple(common->height, common->width, common->channels, std::string(name_of(common->dtype)));
}

nb::dict shard_to_python(nb::handle path) {
  const Shard shard = open_without_gil(path);
  const ShardIndex& index = shard.index;
  nb::list fields;
  nb::list forms;
  nb::list shapes;
  for (size_t i = 0; i < index.fields.size(); ++i) {
    fields.append(nb::make_tuple(text_to_python(index.fields[i].name), name_of_kind(index.fields[i].kind)));
    forms.append(index.parts.empty() ? nb::none() : nb::cast(std::string(name_of(index.parts[i].form))));
    shapes.append(common_shape(index, i));
  }
  nb::list columns;
  for (const ShardColumn& column : index.columns) {
    columns.append(
        nb::make_tuple(text_to_python(column.name), std::string(name_of(column.dtype)), column.row_shape));
  }
  nb::list ragged;
  for (const ShardRaggedColumn& column : index.ragged)
    ragged.append(nb::make_tuple(text_to_python(column.name), name_of_kind(column.kind)));
  nb::dict out;
  out["path"] = text_to_python(shard.path);
  out["shard"] = shard.header.shard;
  out["variant"] = shard.header.variant;
  out["first_sample"] = shard.header.first_sample;
  out["sample_count"] = shard.header.sample_count;
  out["records"] = index.record_count();
  out["bytes"] = shard.trailer.file_bytes;
  out["footer"] = shard.footer;
  out["fields"] = fields;
  out["forms"] = forms;
  out["shapes"] = shapes;
  out["columns"] = columns;
  out["ragged"] = ragged;
  out["index_hash"] = shard.trailer.index_hash;
  out["trailer_hash"] = hash64(encode_trailer(shard.trailer));
  return out;
}

nb::list sources_to_python(nb::handle path) {
  const Shard shard = open_without_gil(path);
  const size_t fields = shard.index.fields.size();
  nb::list list;
  for (size_t i = 0; i < shard.index.sources.size(); ++i) {
    const SourceFile& source = shard.index.sources[i];
    list.append(nb::make_tuple(shard.index.indices[i / fields], i % fields, text_to_python(source.path),
                               source.size_bytes, source.hash));
  }
  return list;
}

nb::list findings_to_python(const ShardVerification& verification) {
  nb::list list;
  for (const ShardFinding& finding : verification.findings()) {
    const bool is_of_record = finding.record >= 0;
    nb::dict out;
    out["what"] = text_to_python(finding.what);
    out["record"] = is_of_record ? nb::cast(finding.record) : nb::none();
    out["index"] = is_of_record ? nb::cast(finding.index) : nb::none();
    out["field"] = text_to_python(finding.field);
    out["path"] = text_to_python(finding.source_path);
    out["offset"] = finding.offset_bytes;
    out["length"] = finding.length_bytes;
    list.append(out);
  }
  return list;
}

std::shared_ptr<ShardsSource> make_shards_source(const nb::iterable& variants, nb::handle root,
                                                 int operators_done) {
  std::vector<std::vector<std::string>> paths;
  for (const nb::handle variant : variants) {
    auto& list = paths.emplace_back();
    for (const nb::handle path : nb::cast<nb::iterable>(variant)) list.push_back(path_from_python(path));
  }
  const std::string folder = path_from_python(root);
  const nb::gil_scoped_release release;
  return std::make_shared<ShardsSource>(paths, folder, operators_done);
}

bool publish_file(nb::handle folder, const std::string& name, const nb::bytes& data, bool replace) {
  const std::string path = path_from_python(folder);
  const std::span<const uint8_t> bytes(static_cast<const uint8_t*>(data.data()), data.size());
  const nb::gil_scoped_release release;
  NewFile file(path, name);
  file.append(bytes);
  return file.publish(replace ? NewFile::IfTaken::kReplace : NewFile::IfTaken::kKeep);
}

uint64_t hash_file(nb::handle object, uint64_t offset_bytes) {
  const std::string path = path_from_python(object);
  const nb::gil_scoped_release release;
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  std::vector<uint8_t> piece(size_t{1} << 20);
  RunningHash hash;
  ssize_t got = descriptor < 0 ? -1 : 1;
  while (got > 0) {
    got = pread(descriptor, piece.data(), piece.size(), static_cast<off_t>(offset_bytes));
    if (got < 0 && errno == EINTR)
      got = 1;
    else if (got > 0) {
      hash.add({piece.data(), static_cast<size_t>(got)});
      offset_bytes += static_cast<uint64_t>(got);
    }
  }
  const int error_number = errno;
  if (descriptor >= 0) close(descriptor);
  if (got < 0)
    throw IoError(path + ": " + std::strerror(error_number) + "; check that the file may be read.");
  return hash.value();
}

void bind_packing(nb::module_& module) {
  nb::class_<Packing>(module, "Packing", "A source into shards or .npy files; belongs to one thread.")
      .def(nb::new_(&make_packing), nb::arg("source"), nb::arg("operators"), nb::arg("options"))
      .def("advance", &advance_packing, nb::arg("seconds"), "Works for at most 0.05 s; returns the progress.")
      .def("files", &files_to_python, "Finished files, by shard and variant.")
      .def("bad_samples",
           [](const Packing& packing) {
             nb::list list;
             for (const SampleError& error : packing.bad_samples())
               list.append(sample_error_to_python(error));
             return list;
           })
      .def("close", [](Packing& packing) {
        InsideRun here;
        const nb::gil_scoped_release release;
        packing.close();
        here.stay_if_ending();
      });
}

void bind_shards(nb::module_& module) {
  nb::class_<ShardsSource, Source>(module, "ShardsSource")
      .def(nb::new_(&make_shards_source), nb::arg("variants"), nb::arg("root"), nb::arg("operators_done") = 0,
           "`variants` holds the shard files of each frozen variant, in order.")
      .def_prop_ro("footers", &ShardsSource::footers)
      .def_prop_ro("variants", &ShardsSource::variants)
      .def(
          "original_index",
          [](const ShardsSource& source, int64_t index) {
            if (index < 0 || index >= *source.size()) throw nb::index_error("sample index out of range");
            return source.original_index(index);
          },
          nb::arg("index"), "Index of the sample in the source that was packed.");
  nb::class_<ShardVerification>(module, "ShardVerification")
      .def(
          "__init__",
          [](ShardVerification* self, nb::handle path) {
            const std::string text = path_from_python(path);
            const nb::gil_scoped_release release;
            new (self) ShardVerification(text);
          },
          nb::arg("path"))
      .def(
          "advance",
          [](ShardVerification& verification, double seconds) {
            const int64_t wait = wait_ns(seconds);
            const nb::gil_scoped_release release;
            return verification.advance(wait);
          },
          nb::arg("seconds"), "Reads for at most 0.05 s; True when all is read.")
      .def_prop_ro("bytes_done", &ShardVerification::bytes_done)
      .def_prop_ro("bytes_total", &ShardVerification::bytes_total)
      .def("findings", &findings_to_python);
  module.def("open_shard", &shard_to_python, nb::arg("path"), "What a shard says of itself.");
  module.def("shard_sources", &sources_to_python, nb::arg("path"),
             "(sample index, field number, relative path, size, XXH3-64) of each part, record by record.");
  module.def("shard_file_name", &shard_file_name, nb::arg("shard"), nb::arg("variant"));
}

}  // namespace

void bind_pack(nb::module_& module) {
  bind_packing(module);
  bind_shards(module);
  module.def("publish_file", &publish_file, nb::arg("folder"), nb::arg("name"), nb::arg("data"),
             nb::arg("replace"),
             "Writes a file that appears complete and on the disk, or not at all; False when the name was "
             "taken and kept.");
  module.def(
      "sweep_leftovers", [](nb::handle folder) { return sweep_leftovers(path_from_python(folder)); },
      nb::arg("folder"), "Removes hidden files of dead writers; returns how many.");
  module.def(
      "free_bytes", [](nb::handle folder) { return free_bytes(path_from_python(folder)); },
      nb::arg("folder"));
  module.def(
      "hash64",
      [](const nb::bytes& data) {
        return hash64(std::span<const uint8_t>(static_cast<const uint8_t*>(data.data()), data.size()));
      },
      nb::arg("data"), "XXH3-64.");
  module.def("hash_file", &hash_file, nb::arg("path"), nb::arg("offset") = 0,
             "XXH3-64 of a file's bytes from `offset` on.");
}

}  // namespace stoker
