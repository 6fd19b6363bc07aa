/// Numbers on a device: a shape and the device's own storage, immutable once an operation has returned it, unless it is given up
/// as a ``Residual``.
///
/// Pictures and latents are `[batch, height, width, channel]`, sequences `[batch, token, channel]`: the channel varies
/// fastest everywhere, so that a picture is a sequence of its pixels without a copy.
package final class Tensor {
    package let shape: [Int]
    package let storage: any TensorStorage
    /// Of the numbers in memory: those that only products use may be rounded as products do.
    package let precision: Precision

    package init(shape: [Int], storage: any TensorStorage, precision: Precision = .fp32) {
        self.shape = shape
        self.storage = storage
        self.precision = precision
    }

    /// Product of the shape.
    package var count: Int { shape.reduce(1, *) }
    /// Size of the last dimension.
    package var channels: Int { shape.last ?? 1 }
    /// Product of all dimensions but the last.
    package var rows: Int { channels == 0 ? 0 : count / channels }

    /// The same numbers under another shape of the same count.
    package func reshaped(_ shape: [Int]) -> Tensor {
        precondition(shape.reduce(1, *) == count, "a reshape keeps the count: \(self.shape) to \(shape)")
        return Tensor(shape: shape, storage: storage, precision: precision)
    }
}

/// What a device keeps a tensor in; freed with its last reference.
package protocol TensorStorage: AnyObject {}

/// Neighbouring channels of a tensor, such as the queries in a product that holds queries, keys and values.
package struct TensorSlice {
    package let tensor: Tensor
    package let firstChannel: Int

    package init(_ tensor: Tensor, firstChannel: Int = 0) {
        self.tensor = tensor
        self.firstChannel = firstChannel
    }
}
