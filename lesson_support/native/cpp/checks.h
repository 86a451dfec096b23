// Checks at an operator's border; Python sees std::invalid_argument as ValueError.
#pragma once

#include <stdexcept>
#include <string>

#include <torch/csrc/stable/tensor.h>

namespace lessons {

inline void require(bool holds, const std::string& otherwise) {
  if (!holds) {
    throw std::invalid_argument(otherwise);
  }
}

// A contiguous float32 tensor in CPU memory; anything else is named in the error.
inline void require_float32(const torch::stable::Tensor& tensor, const std::string& name) {
  require(tensor.is_cpu(), name + " is on another device: expected a CPU tensor");
  require(tensor.scalar_type() == torch::headeronly::ScalarType::Float,
          name + " has dtype " + torch::headeronly::toString(tensor.scalar_type()) + ": expected Float (float32)");
  require(tensor.is_contiguous(), name + " is strided: expected a contiguous tensor");
}

inline std::string shape_of(const torch::stable::Tensor& tensor) {
  std::string text = "(";
  for (int64_t axis = 0; axis < tensor.dim(); ++axis) {
    text += (axis ? ", " : "") + std::to_string(tensor.size(axis));
  }
  return text + ")";
}

inline void require_same_shape(const torch::stable::Tensor& tensor, const std::string& name,
                               const torch::stable::Tensor& model, const std::string& model_name) {
  require(shape_of(tensor) == shape_of(model), name + " has shape " + shape_of(tensor) +
                                                   ": expected that of " + model_name + ", " +
                                                   shape_of(model));
}

}  // namespace lessons
