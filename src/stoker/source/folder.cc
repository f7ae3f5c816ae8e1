#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "stoker/source/source.h"

namespace stoker {
namespace {

namespace fs = std::filesystem;

bool has_extension(const std::string& name, const std::vector<std::string>& extensions) {
  std::string lower = name;
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return std::any_of(extensions.begin(), extensions.end(),
                     [&](const std::string& extension) { return lower.ends_with(extension); });
}

// Files of each folder below `folder`, by the folder's path as text, so that "a-b" comes before "a/c". Links
// to folders are followed, but never into a folder that is already open above (a loop).
using FilesByFolder = std::map<std::string, std::vector<std::string>>;

void list_files(const fs::path& folder, const std::vector<std::string>& extensions, std::set<fs::path>& open,
                FilesByFolder& found) {
  const fs::path canonical = fs::canonical(folder);
  if (!open.insert(canonical).second) return;
  std::vector<std::string>& files = found[folder.string()];
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    std::error_code ignored;
    if (entry.is_directory(ignored)) {
      list_files(entry.path(), extensions, open, found);
    } else if (has_extension(entry.path().filename().string(), extensions)) {
      files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  open.erase(canonical);
}

}  // namespace

FolderListing list_folder(const std::string& root, const std::vector<std::string>& extensions) {
  FolderListing listing;
  try {
    if (!fs::is_directory(root)) {
      throw ArgumentError("folder: '" + root +
                          "' is no folder; give the folder that holds one folder a class.");
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(root)) {
      if (entry.is_directory()) listing.classes.push_back(entry.path().filename().string());
    }
    std::sort(listing.classes.begin(), listing.classes.end());
    if (listing.classes.empty()) {
      throw ArgumentError(
          "folder: '" + root +
          "' holds no folder; expected root/<class>/<image>. For a flat list use stoker.files().");
    }
    for (size_t label = 0; label < listing.classes.size(); ++label) {
      std::set<fs::path> open;
      const size_t before = listing.paths.size();
      FilesByFolder found;
      list_files(fs::path(root) / listing.classes[label], extensions, open, found);
      for (const auto& [folder, files] : found) {
        listing.paths.insert(listing.paths.end(), files.begin(), files.end());
      }
      if (listing.paths.size() == before) {
        std::string known;
        for (const std::string& extension : extensions) known += (known.empty() ? "" : " ") + extension;
        throw ArgumentError("folder: class '" + listing.classes[label] + "' of '" + root +
                            "' holds no image; looked for " + known + ".");
      }
      listing.labels.resize(listing.paths.size(), static_cast<int64_t>(label));
    }
  } catch (const fs::filesystem_error& error) {
    throw IoError("folder: cannot read '" + error.path1().string() + "': " + error.code().message() +
                  "; check that it is mounted and readable.");
  }
  return listing;
}

}  // namespace stoker
