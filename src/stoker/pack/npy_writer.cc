#include "stoker/pack/npy_writer.h"

#include "stoker/base/error.h"

namespace stoker {
namespace {

// A multiple of 64, as NumPy has it, with room for any shape; data behind it are aligned.
constexpr size_t kHeaderBytes = 256;
constexpr size_t kPreambleBytes = 10;

const char* descriptor_of(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return "|b1";
    case DType::kInt8:
      return "|i1";
    case DType::kUint8:
      return "|u1";
    case DType::kInt16:
      return "<i2";
    case DType::kUint16:
      return "<u2";
    case DType::kInt32:
      return "<i4";
    case DType::kUint32:
      return "<u4";
    case DType::kInt64:
      return "<i8";
    case DType::kUint64:
      return "<u8";
    case DType::kFloat16:
      return "<f2";
    case DType::kFloat32:
      return "<f4";
    case DType::kFloat64:
      return "<f8";
    case DType::kBfloat16:
      break;
  }
  throw ArgumentError("npy: the format has no bfloat16; choose dtype='float16' or 'float32'.");
}

std::vector<uint8_t> header_of(DType dtype, const std::vector<int64_t>& row_shape, int64_t rows) {
  std::string text = std::string("{'descr': '") + descriptor_of(dtype) +
                     "', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ",";
  for (size_t axis = 0; axis < row_shape.size(); ++axis)
    text += (axis == 0 ? " " : ", ") + std::to_string(row_shape[axis]);
  text += "), }";
  STOKER_CHECK(text.size() < kHeaderBytes - kPreambleBytes);
  text.resize(kHeaderBytes - kPreambleBytes, ' ');
  text.back() = '\n';
  std::vector<uint8_t> bytes = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
  bytes.push_back(static_cast<uint8_t>(text.size() & 0xFF));
  bytes.push_back(static_cast<uint8_t>(text.size() >> 8));
  bytes.insert(bytes.end(), text.begin(), text.end());
  return bytes;
}

}  // namespace

NpyWriter::NpyWriter(const std::string& folder, const std::string& name, DType dtype,
                     std::vector<int64_t> row_shape)
    : dtype_(dtype), row_shape_(std::move(row_shape)), file_(folder, name) {
  if (row_shape_.size() > 8) throw ArgumentError("npy: " + name + " would have more than 9 axes.");
  file_.append(header_of(dtype_, row_shape_, 0));
}

void NpyWriter::add(std::span<const uint8_t> row) {
  size_t row_bytes = size_of(dtype_);
  for (const int64_t side : row_shape_) row_bytes *= static_cast<size_t>(side);
  STOKER_CHECK(row.size() == row_bytes);
  file_.append(row);
  ++rows_;
}

void NpyWriter::publish() {
  file_.overwrite(0, header_of(dtype_, row_shape_, rows_));
  file_.publish(NewFile::IfTaken::kReplace);
}

}  // namespace stoker
