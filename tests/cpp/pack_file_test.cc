// Files that appear complete or not at all.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "shards.h"
#include "stoker/pack/new_file.h"

namespace stoker::test {
namespace {

Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

TEST(NewFile, AppearsOnlyWhenPublished) {
  const TemporaryFolder folder;
  {
    NewFile file(folder.path(), "a");
    file.append(bytes_of("xyz"));
    file.append(Bytes(3'000'000, 7));
    file.append(bytes_of("end"));
    file.overwrite(1, bytes_of("Y"));
    EXPECT_FALSE(std::filesystem::exists(folder.path("a")));
    EXPECT_EQ(contents(folder.path()).size(), 1u);
    EXPECT_TRUE(file.publish(NewFile::IfTaken::kKeep));
  }
  const auto files = contents(folder.path());
  ASSERT_EQ(files.size(), 1u);
  Bytes expected = bytes_of("xYz");
  expected.resize(3'000'003, 7);
  for (const char c : {'e', 'n', 'd'}) expected.push_back(static_cast<uint8_t>(c));
  EXPECT_EQ(files.at("a"), expected);
}

TEST(NewFile, ATakenNameIsKeptOrReplaced) {
  const TemporaryFolder folder;
  folder.write("a", bytes_of("old"));
  {
    NewFile file(folder.path(), "a");
    file.append(bytes_of("new"));
    EXPECT_FALSE(file.publish(NewFile::IfTaken::kKeep));
  }
  EXPECT_EQ(contents(folder.path()), (std::map<std::string, Bytes>{{"a", bytes_of("old")}}));
  NewFile file(folder.path(), "a");
  file.append(bytes_of("new"));
  EXPECT_TRUE(file.publish(NewFile::IfTaken::kReplace));
  EXPECT_EQ(contents(folder.path()), (std::map<std::string, Bytes>{{"a", bytes_of("new")}}));
}

TEST(NewFile, DroppedItLeavesNothing) {
  const TemporaryFolder folder;
  { NewFile(folder.path(), "a").append(bytes_of("x")); }
  EXPECT_TRUE(contents(folder.path()).empty());
}

TEST(NewFile, NamesThatLeadElsewhereAreRefused) {
  const TemporaryFolder folder;
  for (const std::string& name : {std::string(), std::string("a/b"), std::string(".."), std::string(".a"),
                                  std::string("a\0b", 3), std::string(300, 'a')})
    EXPECT_THROW(NewFile(folder.path(), name), ArgumentError);
  EXPECT_THROW(NewFile(folder.path("missing"), "a"), IoError);
}

TEST(NewFile, OnlyWhatTheDeadLeftIsSwept) {
  const TemporaryFolder folder;
  const NewFile mine(folder.path(), "mine");
  folder.write(".other.tmp", bytes_of("x"));
  std::string unlocked;  // of this process too
  for (const auto& [name, bytes] : contents(folder.path())) {
    if (name.starts_with(".mine")) unlocked = name;
  }
  unlocked.replace(1, 4, "also");
  folder.write(unlocked, bytes_of("x"));
  folder.write("shard-00000.stoker", bytes_of("x"));
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const NewFile theirs(folder.path(), "theirs");
    if (write(ready[1], "x", 1) != 1) _exit(1);
    while (true) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(contents(folder.path()).size(), 5u);
  EXPECT_EQ(sweep_leftovers(folder.path()), 0);  // both writers live
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(sweep_leftovers(folder.path()), 1);
  const auto left = contents(folder.path());
  EXPECT_EQ(left.size(), 4u);
  for (const auto& [name, bytes] : left) EXPECT_EQ(name.find("theirs"), std::string::npos) << name;
  close(ready[0]);
  close(ready[1]);
}

TEST(NewFile, TheDiskSaysWhatIsFree) {
  const TemporaryFolder folder;
  EXPECT_GT(free_bytes(folder.path()), 0u);
  EXPECT_THROW(free_bytes(folder.path("missing")), IoError);
}

}  // namespace
}  // namespace stoker::test
