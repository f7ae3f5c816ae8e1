#include "stoker/transform/resample_taps.h"

#include <algorithm>
#include <cstring>

namespace stoker {
namespace {

constexpr int kGroupBytes = 16;   // one load, one shuffle
constexpr int kGroupSamples = 4;  // of 32 bits each
constexpr int kGroupsAtOnce = 4;  // kernels store the samples of four groups together

// Whether the first two taps of every group of `group_samples` lie within one load.
bool fits(const AxisTaps& axis, int channels, int group_samples) {
  const int samples = axis.size * channels;
  for (int sample = 0; sample < samples; sample += group_samples) {
    int low = INT32_MAX;
    int high = 0;
    const int end = std::min(sample + group_samples, samples);
    int pixel = sample / channels;
    int channel = sample - pixel * channels;
    for (int i = sample; i < end; ++i) {
      const int at = axis.start[pixel] * channels + channel;
      low = std::min(low, at);
      high = std::max(high, at);
      if (++channel == channels) {
        channel = 0;
        ++pixel;
      }
    }
    if (high - low + channels >= kGroupBytes) return false;
  }
  return true;
}

int largest_group(const AxisTaps& axis, int channels) {
  if (channels >= kGroupBytes) return 0;
  for (int group_samples = kGroupSamples; group_samples > 1; --group_samples) {
    if (fits(axis, channels, group_samples)) return group_samples;
  }
  return 1;
}

uint32_t two_words(int32_t first, int32_t second) {
  return (static_cast<uint32_t>(first) & 0xFFFFU) | (static_cast<uint32_t>(second) << 16);
}

}  // namespace

size_t axis_taps_bytes(int size, int stride) {
  const size_t outputs = static_cast<size_t>(size);
  const size_t weights = outputs * static_cast<size_t>(stride);
  return 2 * Carver::bytes<int32_t>(outputs) + 2 * Carver::bytes<int32_t>(weights);
}

AxisTaps carve_axis_taps(int first, int size, int stride, Carver& memory) {
  const size_t outputs = static_cast<size_t>(size);
  AxisTaps axis;
  axis.first = first;
  axis.size = size;
  axis.stride = stride;
  axis.start = memory.take<int32_t>(outputs);
  axis.count = memory.take<int32_t>(outputs);
  axis.weights = memory.take<int32_t>(outputs * static_cast<size_t>(stride));
  axis.packed = memory.take<uint32_t>(outputs * static_cast<size_t>(stride));
  return axis;
}

void pack_taps(TapForm form, AxisTaps& axis) {
  int most = 1;
  for (int i = 0; i < axis.size; ++i) most = std::max(most, axis.count[i]);
  axis.pairs = (most + 1) / 2;
  uint32_t* packed = axis.packed;
  for (int i = 0; i < axis.size; ++i) {
    const int32_t* weight = axis.weights + static_cast<ptrdiff_t>(i) * axis.stride;
    for (int pair = 0; pair < axis.pairs; ++pair, weight += 2) {
      if (form == TapForm::kSplit) {
        constexpr int32_t kLow = (1 << kSplitBits) - 1;
        *packed++ = two_words(weight[0] >> kSplitBits, weight[1] >> kSplitBits);
        *packed++ = two_words(weight[0] & kLow, weight[1] & kLow);
      } else {
        *packed++ = two_words(weight[0], weight[1]);
      }
    }
  }
}

Span span_of(const AxisTaps& axis) {
  Span span{INT32_MAX, 0};
  for (int i = 0; i < axis.size; ++i) {
    span.first = std::min(span.first, axis.start[i]);
    span.last = std::max(span.last, axis.start[i] + axis.count[i] - 1);
  }
  return span;
}

RowTable plan_row_table(const AxisTaps& axis, TapForm form, int channels, int first_pixel) {
  RowTable table;
  table.axis = &axis;
  table.form = form;
  table.channels = channels;
  table.samples = axis.size * channels;
  table.first_pixel = first_pixel;
  table.group_samples = largest_group(axis, channels);
  if (table.group_samples != 0) {
    const int groups = (table.samples + table.group_samples - 1) / table.group_samples;
    table.groups = (groups + kGroupsAtOnce - 1) / kGroupsAtOnce * kGroupsAtOnce;
  }
  return table;
}

size_t row_table_bytes(const RowTable& table) {
  const size_t groups = static_cast<size_t>(table.groups);
  const size_t words = static_cast<size_t>(table.axis->pairs * words_per_pair(table.form)) * kGroupSamples;
  return Carver::bytes<int32_t>(groups) + Carver::bytes<uint8_t>(groups * kGroupBytes) +
         Carver::bytes<uint32_t>(groups * words);
}

void fill_row_table(int row_pixels, Carver& memory, RowTable& table) {
  const AxisTaps& axis = *table.axis;
  const int channels = table.channels;
  const size_t groups = static_cast<size_t>(table.groups);
  const int words = axis.pairs * words_per_pair(table.form);
  const int row_bytes = row_pixels * channels;
  table.offsets = memory.take<int32_t>(groups);
  table.shuffles = memory.take<uint8_t>(groups * kGroupBytes);
  table.taps = memory.take<uint32_t>(groups * static_cast<size_t>(words * kGroupSamples));
  table.tail_group = table.groups;

  const int last_load = (axis.pairs - 1) * 2 * channels + kGroupBytes;  // end of a group's loads
  int sample = 0;
  int pixel = 0;
  int channel = 0;
  int tail_end = 0;
  for (int group = 0; group < table.groups; ++group) {
    const int used = std::clamp(table.samples - sample, 0, table.group_samples);
    int at[kGroupSamples];
    uint32_t* const taps = table.taps + static_cast<ptrdiff_t>(group) * words * kGroupSamples;
    int low = INT32_MAX;
    for (int i = 0; i < used; ++i) {
      at[i] = (axis.start[pixel] - table.first_pixel) * channels + channel;
      low = std::min(low, at[i]);
      const uint32_t* packed = axis.packed + static_cast<ptrdiff_t>(pixel) * words;
      for (int word = 0; word < words; ++word) taps[word * kGroupSamples + i] = packed[word];
      if (++channel == channels) {
        channel = 0;
        ++pixel;
      }
    }
    if (used == 0) low = table.tail_group < table.groups ? table.tail_start : 0;
    for (int i = used; i < kGroupSamples; ++i) {
      for (int word = 0; word < words; ++word) taps[word * kGroupSamples + i] = 0;
    }
    uint32_t shuffle[kGroupSamples];
    for (int i = 0; i < kGroupSamples; ++i) {
      const uint32_t from = i < used ? static_cast<uint32_t>(at[i] - low) : 0;
      shuffle[i] =
          i < used ? 0x80008000U + from * 0x00010001U + (static_cast<uint32_t>(channels) << 16) : 0x80808080U;
    }
    std::memcpy(table.shuffles + static_cast<ptrdiff_t>(group) * kGroupBytes, shuffle, kGroupBytes);
    table.offsets[group] = low;
    sample += used;
    tail_end = std::max(tail_end, low + last_load);
    if (low + last_load > row_bytes && table.tail_group == table.groups) {
      table.tail_group = group / kGroupsAtOnce * kGroupsAtOnce;
      // Starts are not quite ascending where zero taps were cut off, hence the room of one group.
      table.tail_start = row_bytes;
      for (int i = table.tail_group; i <= group; ++i) {
        table.tail_start = std::min(table.tail_start, table.offsets[i]);
      }
    }
    if (group >= table.tail_group) table.tail_start = std::min(table.tail_start, low);
  }
  if (table.tail_group < table.groups) {
    for (int group = table.tail_group; group < table.groups; ++group)
      table.offsets[group] -= table.tail_start;
    table.tail_bytes = row_bytes - table.tail_start;
    table.tail_stride = static_cast<int>(
        Carver::bytes<uint8_t>(static_cast<size_t>(std::max(tail_end, row_bytes) - table.tail_start)));
  }
}

size_t row_plan_bytes(const AxisTaps& axis) {
  const Span span = span_of(axis);
  return Carver::bytes<int32_t>(static_cast<size_t>(span.last - span.first + 1)) +
         Carver::bytes<int32_t>(static_cast<size_t>(axis.size));
}

RowPlan plan_rows(const AxisTaps& axis, int rows_at_once, Carver& memory) {
  const Span span = span_of(axis);
  RowPlan plan;
  plan.list = memory.take<int32_t>(static_cast<size_t>(span.last - span.first + 1));
  plan.first = memory.take<int32_t>(static_cast<size_t>(axis.size));
  // Starts ascend but for zero taps that were cut off, so a row asked for late may lie before rows that are
  // listed already: the list is made for the smallest start of all later outputs.
  int lowest = INT32_MAX;
  for (int i = axis.size - 1; i >= 0; --i) {
    lowest = std::min(lowest, axis.start[i]);
    plan.first[i] = lowest;
  }
  for (int i = 0; i < axis.size; ++i) {
    const int last = axis.start[i] + axis.count[i] - 1;
    int row = plan.first[i];
    if (plan.rows > 0) row = std::max(row, plan.list[plan.rows - 1] + 1);
    for (; row <= last; ++row) plan.list[plan.rows++] = row;
  }
  int held = 1;
  int place = 0;
  int listed = 0;
  for (int i = 0; i < axis.size; ++i) {
    while (plan.list[place] < plan.first[i]) ++place;
    const int lowest_place = place;
    int first = place;
    while (plan.list[first] < axis.start[i]) ++first;
    plan.first[i] = first;
    listed = std::max(listed, first + axis.count[i]);
    held = std::max(held, listed - lowest_place);
  }
  const int needed = held + rows_at_once - 1;
  int capacity = 1;
  while (capacity < needed) capacity *= 2;
  plan.held_mask = capacity - 1;
  return plan;
}

}  // namespace stoker
