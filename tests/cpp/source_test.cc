#include "stoker/source/source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "scaffold.h"

namespace stoker {
namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;

const std::vector<std::string> kExtensions = {".jpg", ".png"};

// Paths of a listing without the root.
std::vector<std::string> below(const FolderListing& listing, const std::string& root) {
  std::vector<std::string> names;
  for (const std::string& path : listing.paths) {
    EXPECT_TRUE(path.starts_with(root + "/"));
    names.push_back(path.substr(root.size() + 1));
  }
  return names;
}

template <class Kind, class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Kind& error) {
    return error.what();
  }
  return "no error";
}

TEST(Source, ListsAFolderAsImageFolderDoes) {
  const TemporaryFolder folder;
  // Folders go by their whole path as text: '-' comes before '/', so a-b stands before a/c.
  for (const char* name :
       {"dog/b.jpg", "dog/a.PNG", "dog/notes.txt", "dog/a/z.jpg", "dog/a-b/y.jpg", "dog/a/c/x.jpg",
        "cat/1.jpg", "cat/.hidden.jpg", "Zebra/1.jpeg.png", "stray.jpg"}) {
    folder.write(name, {1});
  }
  const FolderListing listing = list_folder(folder.path(), kExtensions);
  EXPECT_EQ(listing.classes, (std::vector<std::string>{"Zebra", "cat", "dog"}));
  EXPECT_EQ(below(listing, folder.path()),
            (std::vector<std::string>{"Zebra/1.jpeg.png", "cat/.hidden.jpg", "cat/1.jpg", "dog/a.PNG",
                                      "dog/b.jpg", "dog/a/z.jpg", "dog/a-b/y.jpg", "dog/a/c/x.jpg"}));
  EXPECT_EQ(listing.labels, (std::vector<int64_t>{0, 1, 1, 2, 2, 2, 2, 2}));
}

TEST(Source, FollowsLinksButNeverInCircles) {
  const TemporaryFolder folder;
  const TemporaryFolder elsewhere;
  folder.write("cat/1.jpg", {1});
  elsewhere.write("2.jpg", {1});
  fs::create_directory_symlink(elsewhere.path(), folder.path("cat/linked"));
  fs::create_directory_symlink(elsewhere.path(), folder.path("cat/linked_again"));
  fs::create_directory_symlink(folder.path("cat"), folder.path("cat/circle"));
  fs::create_directory_symlink(elsewhere.path(), folder.path("dog"));
  fs::create_symlink(folder.path("nowhere"), folder.path("cat/dangling.jpg"));
  const FolderListing listing = list_folder(folder.path(), kExtensions);
  EXPECT_EQ(below(listing, folder.path()),
            (std::vector<std::string>{"cat/1.jpg", "cat/dangling.jpg", "cat/linked/2.jpg",
                                      "cat/linked_again/2.jpg", "dog/2.jpg"}));
}

TEST(Source, SaysWhatIsWrongWithAFolder) {
  const TemporaryFolder folder;
  const auto list = [&](const std::string& root) { return [=] { list_folder(root, kExtensions); }; };
  EXPECT_NE(message_of<ArgumentError>(list(folder.path("missing"))).find("is no folder"), std::string::npos);
  EXPECT_NE(message_of<ArgumentError>(list(folder.path())).find("holds no folder"), std::string::npos);
  folder.write("cat/1.jpg", {1});
  folder.write("dog/1.txt", {1});
  const std::string message = message_of<ArgumentError>(list(folder.path()));
  EXPECT_NE(message.find("class 'dog'"), std::string::npos) << message;
  EXPECT_NE(message.find(".jpg .png"), std::string::npos) << message;
}

TEST(Source, AFolderThatMayNotBeReadIsAnIoError) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const TemporaryFolder folder;
  folder.write("cat/1.jpg", {1});
  fs::permissions(folder.path("cat"), fs::perms::none);
  EXPECT_NE(message_of<IoError>([&] { list_folder(folder.path(), kExtensions); }).find("cat"),
            std::string::npos);
  fs::permissions(folder.path("cat"), fs::perms::owner_all);
}

TEST(Source, KeepsPathsInOneArena) {
  const std::vector<std::string> paths = {"a", "folder/with space.jpg", std::string(5000, 'x'), "\xff\xfe"};
  const FilesSource source(paths, "folder");
  EXPECT_EQ(source.size(), 4);
  EXPECT_EQ(source.root(), "folder");
  for (size_t i = 0; i < paths.size(); ++i) {
    EXPECT_EQ(source.path(static_cast<int64_t>(i)), paths[i]);
    EXPECT_EQ(source.request(static_cast<int64_t>(i), 0, 0).path, paths[i]);
  }
  EXPECT_THROW(source.path(4), InternalError);
  EXPECT_THROW(source.path(-1), InternalError);
  EXPECT_THROW(FilesSource({"a", ""}, ""), ArgumentError);
  EXPECT_THROW(FilesSource({std::string("a\0b", 3)}, ""), ArgumentError);
  EXPECT_EQ(FilesSource({}, "").size(), 0);
}

TEST(Source, GathersColumnsByIndex) {
  RowsSource source(4);
  const float values[] = {0, 1, 10, 11, 20, 21, 30, 31};
  RowColumn column;
  column.name = "target";
  column.dtype = DType::kFloat32;
  column.row_shape = {2};
  column.rows = 4;
  column.data = reinterpret_cast<const uint8_t*>(values);
  source.add_column(column);
  EXPECT_EQ(column.row_bytes(), 8u);
  float got[6];
  source.columns().front().gather({3, 0, 3}, reinterpret_cast<uint8_t*>(got));
  EXPECT_EQ(std::vector<float>(got, got + 6), (std::vector<float>{30, 31, 0, 1, 30, 31}));
  EXPECT_THROW(column.gather({4}, reinterpret_cast<uint8_t*>(got)), InternalError);
  EXPECT_THROW(source.add_column(column), ArgumentError);  // the name is taken
  column.name = "short";
  column.rows = 3;
  EXPECT_THROW(source.add_column(column), ArgumentError);
}

TEST(Source, GivesIndicesInOrderUntilItsEnd) {
  RowsSource source(5);
  EXPECT_EQ(source.next(3), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(source.next(3), (std::vector<int64_t>{3, 4}));
  EXPECT_TRUE(source.next(3).empty());
}

TEST(Source, ViewsArraysWithoutACopy) {
  const auto source = test::arrays_source(test::random_images(3, 4, 5));
  EXPECT_EQ(source->image_shape(), (ImageShape{4, 5, 3, DType::kUint8}));
  const FetchRequest first = source->request(0, 0, 0);
  const FetchRequest second = source->request(1, 0, 0);
  EXPECT_EQ(second.memory.data() - first.memory.data(), 60);
  EXPECT_EQ(second.memory.size(), 60u);
  EXPECT_THROW(source->request(3, 0, 0), InternalError);
}

}  // namespace
}  // namespace stoker
