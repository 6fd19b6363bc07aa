/// What the networks need of a machine: the fused operations of a diffusion model, nothing finer.
///
/// The networks are written once against this protocol. Operations take and return tensors of the device, run in order,
/// and are called from one thread. Shapes that contradict each other are broken invariants, since configurations are
/// checked before a network is built; what can fail at run time is memory and the device's library.
///
/// Where the result of an operation is used by products alone, it may be asked for in ``precision``: it then takes less memory
/// and the same values, since products round what they are given. Any other operand is in single precision.
///
/// Batch invariance is part of the contract: an image's numbers do not depend on how many others are in the batch, or on how many
/// threads there are.
package protocol Device: AnyObject {
    /// For people and for the images' metadata: `cpu (AVX-512, 2 threads)`.
    var label: String { get }
    /// What products are computed in.
    var precision: Precision { get }
    /// The most channels that an attention head may have.
    var widestHead: Int { get }

    /// How the machine is shared by several devices at a time; `nil` where that is of no use.
    var parts: DeviceParts? { get }

    /// Gives memory that no tensor uses back to the system; called where sizes are about to change.
    func trim()

    /// Says whether what one network leaves in the device's buffers stays there for its next run while another network runs. It
    /// does unless this is called; otherwise all of it is given back, and the next run waits for fresh memory.
    func keepBuffers(_ areKept: Bool)

    /// Says that another network runs next: see ``keepBuffers(_:)``.
    func changeNetwork()

    /// Lets the layers' packed weights take so many bytes; what is beyond is read from the model's files at each use, which
    /// changes no number. There is no limit unless this is called.
    func keepWeights(bytes: Int)

    /// Copies `values`, in row-major order, to the device.
    func upload(_ values: [Float], shape: [Int]) throws -> Tensor
    /// Copies a tensor of a model.
    func upload(_ weights: WeightTensor) throws -> Tensor
    /// Copies a tensor back.
    func download(_ tensor: Tensor) throws -> [Float]

    /// Takes a convolution's weights `[output, input, row, column]`, to be packed in the device's own layout when used.
    func convolution(
        _ shape: ConvolutionShape, weights: WeightTensor, bias: WeightTensor
    ) throws -> any ConvolutionKernel
    /// Takes a product's weights, `output` rows of `input`, to be packed when used.
    func linear(
        inputs: Int, outputs: Int, weights: WeightTensor, bias: WeightTensor?
    ) throws -> any LinearKernel

    /// Group normalisation of `[batch, height, width, channel]`, then the activation.
    ///
    /// `shift`, `[1 or batch, channel]`, is added before the statistics: the time embedding of a residual block.
    func groupNorm(
        _ x: Tensor, adding shift: Tensor?, scale: Tensor, bias: Tensor, groups: Int, epsilon: Float,
        activation: Activation, in precision: Precision
    ) throws -> Tensor
    /// Layer normalisation over the channels.
    func layerNorm(_ x: Tensor, scale: Tensor, bias: Tensor, epsilon: Float, in precision: Precision) throws -> Tensor
    /// Scaled dot-product attention; the result is `[batch, token, heads * headWidth]`, for products alone. Operands may be, too.
    ///
    /// Keys and values may have a smaller batch than the queries: neighbours among the queries then share them.
    func attention(
        queries: TensorSlice, keys: TensorSlice, values: TensorSlice, heads: Int, headWidth: Int, isCausal: Bool
    ) throws -> Tensor
    /// The first half of the channels times the GELU of the second, for products alone.
    func gatedGELU(_ x: Tensor) throws -> Tensor
    func activate(_ x: Tensor, _ activation: Activation) throws -> Tensor
    /// Nearest-neighbour resize of `[batch, height, width, channel]`.
    func resized(_ x: Tensor, height: Int, width: Int) throws -> Tensor
    /// Joins two tensors along the channels.
    func concatenated(_ a: Tensor, _ b: Tensor) throws -> Tensor
}

extension Device {
    package var parts: DeviceParts? { nil }
}

/// How a machine is shared by several devices.
package struct DeviceParts: Sendable {
    /// Those that a single device spreads an operation over.
    let threads: Int
    /// Makes a device with the same numbers for the thread that calls it, with so many threads for its operations.
    let make: @Sendable (_ threads: Int) throws -> any Device
}

/// A convolution whose weights are on the device.
package protocol ConvolutionKernel: AnyObject {
    /// Whether its input can be prepared while it is read, which is faster than to have it in memory between.
    var preparesAsItReads: Bool { get }
    /// Convolves `[batch, height, width, input]`, adds the bias and, if there is one, a residual of the result's shape.
    func apply(_ x: Tensor, adding residual: Residual?) throws -> Tensor
    /// As ``apply(_:adding:)`` on what `preparation` makes of `x`, of which only some rows are in memory at a time; only for
    /// convolutions that keep the size.
    func apply(_ x: Tensor, preparing preparation: RowPreparation, adding residual: Residual?) throws -> Tensor
}

/// What a convolution adds to its result.
package enum Residual {
    /// Others use the tensor, too.
    case kept(Tensor)
    /// Nobody uses the tensor, or another with its storage, any more: the result may take its place in memory.
    case givenUp(Tensor)

    var tensor: Tensor {
        switch self {
        case .kept(let tensor), .givenUp(let tensor): tensor
        }
    }

    /// What the result takes the place of.
    var place: Tensor? { if case .givenUp(let tensor) = self { tensor } else { nil } }
}

/// What a convolution reads in place of its input.
package enum RowPreparation {
    /// The group norm over the whole picture, of which a row of `[1 or batch, channel]` is added before, then the activation.
    case normalised(
        adding: Tensor? = nil, scale: Tensor, bias: Tensor, groups: Int, epsilon: Float, activation: Activation)
    /// Twice the height and width, nearest neighbour.
    case doubled

    /// Height of the prepared picture by that of the input, and the same for the widths.
    var factor: Int { if case .doubled = self { 2 } else { 1 } }
}

/// A product with a matrix whose weights are on the device.
package protocol LinearKernel: AnyObject {
    /// Multiplies the last dimension, adds bias and `residual`, then applies the activation.
    func apply(_ x: Tensor, adding residual: Tensor?, activation: Activation, in precision: Precision) throws -> Tensor
    /// The first half of the outputs times the GELU of the second (Shazeer 2020), for products alone.
    func gated(_ x: Tensor) throws -> Tensor
}

extension LinearKernel {
    func apply(_ x: Tensor, adding residual: Tensor?, activation: Activation) throws -> Tensor {
        try apply(x, adding: residual, activation: activation, in: .fp32)
    }
}

/// Sizes of a square convolution; padding on all sides alike.
package struct ConvolutionShape: Hashable, Sendable {
    package var inputs: Int
    package var outputs: Int
    package var kernel: Int
    package var stride: Int
    package var padding: Int

    package init(inputs: Int, outputs: Int, kernel: Int, stride: Int = 1, padding: Int? = nil) {
        self.inputs = inputs
        self.outputs = outputs
        self.kernel = kernel
        self.stride = stride
        self.padding = padding ?? kernel / 2
    }

    /// How many rows of a result of `width` pixels are computed at once where the input is prepared row by row: as many as
    /// keep 16 MiB of it in memory, and a multiple of 4, which whole tiles of a fast convolution fit into.
    ///
    /// Depends on nothing but the shape, so that every machine computes the same.
    func bandRows(width: Int) -> Int {
        (max((1 << 22) / max(width * inputs, 1), 2 * kernel) + 3) / 4 * 4
    }

    /// The output's size along a side of `size` pixels.
    func output(_ size: Int) -> Int { (size + 2 * padding - kernel) / stride + 1 }
}

package enum Activation: Sendable {
    case identity
    /// x sigmoid(x) (Hendrycks and Gimpel 2016).
    case silu
    /// x sigmoid(1.702 x), as CLIP has it.
    case quickGELU
    /// The exact GELU, with erf.
    case gelu
    /// x where it is positive, else 0.
    case relu
}

/// What products are computed in; all else is single precision.
package enum Precision: String, CaseIterable, Sendable {
    case fp32
    /// Factors rounded to bfloat16, sums in single precision.
    case bf16
}
