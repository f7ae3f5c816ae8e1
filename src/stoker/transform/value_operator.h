// What operators share that map each channel value by itself.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "stoker/transform/look_up.h"
#include "stoker/transform/operator.h"

namespace stoker {

// `value` cut to a byte; below 0 and not a number is 0.
inline uint8_t cut_to_byte(double value) {
  return value > 0 ? static_cast<uint8_t>(value < 255 ? value : 255) : uint8_t{0};
}

// A share of the full range as a byte, and back, as Albumentations lets float32 images through operators that
// work on 8 bits.
inline uint8_t byte_of_share(float share) { return cut_to_byte(std::nearbyint(share * 255.0f)); }
inline float share_of_byte(uint8_t byte) { return static_cast<float>(byte) / 255.0f; }

// Makes `bounds` of one number b the range (-b, b); throws ArgumentError where the first is above the second.
void make_symmetric_range(const char* owner, const char* name, std::vector<double>& bounds);
// Makes `bounds` of one number b the range (b, b); throws alike.
void make_range(const char* owner, const char* name, std::vector<double>& bounds);

// Throws ArgumentError for anything but uint8 and float32, and for a channel count above max_channels.
void check_bytes_or_floats(const char* owner, const PlannedShape& in, int max_channels);

// Throws ArgumentError for anything but uint8, uint16, int16 and float32.
void check_levels(const char* owner, const PlannedShape& in);

// As check_bytes_or_floats, for channel counts other than 1 and 3.
void check_gray_or_rgb(const char* owner, const PlannedShape& in);

// kTable: an operator told by one function of a byte and one of a float.
class ValueOperator : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kTable; }
  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch& scratch) const override;
  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override;

 protected:
  virtual uint8_t byte_of(const Draw& draw, uint8_t value, int channel) const = 0;
  // By default the byte's share.
  virtual float share_of(const Draw& draw, float share, int channel) const;
  // Of 16-bit images whose greatest level is `most`: 65535, or 32767 of int16, whose levels may be negative.
  // What is returned is rounded half to even and clamped to the dtype. Only called where plan() takes such
  // images.
  virtual double level_of(const Draw& draw, double level, double most) const;
  // Whether byte_of depends on the channel.
  virtual bool differs_by_channel() const { return false; }

 private:
  template <class T>
  void apply_levels(const Draw& draw, const ConstImage& in, const Image& out) const;
};

// kReducedTable: an operator whose tables follow from the histogram of each channel. observe() leaves them in
// Draw::list, 256 numbers a channel.
class HistogramOperator : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kReducedTable; }
  void observe(const ConstImage& in, const ConstImage* table, Draw* draw) const override;
  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch& scratch) const override;
  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override;

 protected:
  // The table of a channel from its 256 counts.
  virtual ByteTable table_from(const uint32_t* counts, int channel) const = 0;
};

// The histogram of a uint8 or float32 image (by byte_of_share), seen through `table` when set.
std::vector<uint32_t> histogram_through(const ConstImage& in, const ConstImage* table);

// Runs change(uint8 image, uint8 result) on a uint8 image, or on the bytes of a float32 image's shares.
void through_bytes(const ConstImage& in, const Image& out,
                   const std::function<void(const ConstImage&, const Image&)>& change);

}  // namespace stoker
