/// A place in a model's weights and the device that they go to: layers are built from it by name.
///
/// Nothing is read while layers are built, but names and shapes are checked against the files' headers. With a survey, what
/// is wrong is collected there, instead of being thrown at the first tensor.
struct LayerSource {
    let device: any Device
    let weights: WeightSource
    private let survey: WeightSurvey?

    init(device: any Device, weights: WeightSource, survey: WeightSurvey? = nil) {
        self.device = device
        self.weights = weights
        self.survey = survey
    }

    /// The layers below `name`.
    subscript(name: String) -> LayerSource {
        LayerSource(device: device, weights: weights.scoped(name), survey: survey)
    }

    /// As the subscript when there are tensors below `name`, else the same source.
    func scoped(ifPresent name: String) -> LayerSource {
        LayerSource(device: device, weights: weights.scoped(ifPresent: name), survey: survey)
    }

    func convolution(
        _ name: String, inputs: Int, outputs: Int, kernel: Int = 3, stride: Int = 1, padding: Int? = nil,
        hasBias: Bool = true
    ) throws -> Convolution {
        let shape = ConvolutionShape(
            inputs: inputs, outputs: outputs, kernel: kernel, stride: stride, padding: padding)
        let values = try tensor("\(name).weight", shape: [outputs, inputs, kernel, kernel])
        let bias =
            hasBias
            ? try tensor("\(name).bias", shape: [outputs])
            : WeightTensor(Array(repeating: 0, count: outputs), shape: [outputs])
        return Convolution(kernel: try device.convolution(shape, weights: values, bias: bias))
    }

    /// `isConvolution` means weights stored as those of a 1x1 convolution, `[output, input, 1, 1]`.
    func linear(
        _ name: String, inputs: Int, outputs: Int, hasBias: Bool = true, isConvolution: Bool = false
    ) throws -> Linear {
        try linear([name], inputs: inputs, outputs: outputs, hasBias: hasBias, isConvolution: isConvolution)
    }

    /// Several products of the same input as one; each has `outputs` outputs, side by side in the result.
    func linear(
        _ names: [String], inputs: Int, outputs: Int, hasBias: Bool = true, isConvolution: Bool = false
    ) throws -> Linear {
        let shape = isConvolution ? [outputs, inputs, 1, 1] : [outputs, inputs]
        let values = try names.map { try tensor("\($0).weight", shape: shape) }
        let bias = hasBias ? try names.map { try tensor("\($0).bias", shape: [outputs]) } : nil
        return Linear(
            kernel: try device.linear(
                inputs: inputs, outputs: outputs * names.count, weights: .stacked(values),
                bias: bias.map { .stacked($0) }
            ))
    }

    func groupNorm(_ name: String, channels: Int, groups: Int, epsilon: Float) throws -> GroupNorm {
        GroupNorm(
            device: device, scale: try vector("\(name).weight", channels), bias: try vector("\(name).bias", channels),
            groups: groups, epsilon: epsilon)
    }

    func layerNorm(_ name: String, channels: Int, epsilon: Float) throws -> LayerNorm {
        LayerNorm(
            device: device, scale: try vector("\(name).weight", channels), bias: try vector("\(name).bias", channels),
            epsilon: epsilon)
    }

    /// A tensor to be read later.
    func tensor(_ name: String, shape: [Int]) throws(DiffusionError) -> WeightTensor {
        do throws(DiffusionError) {
            return try weights.tensor(name, shape: shape)
        } catch {
            guard let survey else { throw error }
            survey.note(error)
            return WeightTensor(shape: shape) { _, target in target.update(repeating: 0) }
        }
    }

    /// Makes sure that the network asked for every tensor of its files, except those that begin with one of `ignored`.
    func requireAllRead(except ignored: [String] = []) throws(DiffusionError) {
        do throws(DiffusionError) {
            try weights.requireAllRead(except: ignored)
        } catch {
            guard let survey else { throw error }
            survey.note(error)
        }
    }

    /// Makes sure that the device can attend with heads of `channels` channels.
    func requireHead(channels: Int) throws {
        guard channels <= device.widestHead else {
            throw DiffusionError.headTooWide(channels: channels, widest: device.widestHead)
        }
    }

    private func vector(_ name: String, _ count: Int) throws -> Tensor {
        try device.upload(try tensor(name, shape: [count]))
    }
}

struct Convolution {
    let kernel: any ConvolutionKernel

    func callAsFunction(_ x: Tensor, adding residual: Residual? = nil) throws -> Tensor {
        try kernel.apply(x, adding: residual)
    }

    /// Convolves the norm and activation of `x`, which is never in memory as a whole.
    func callAsFunction(
        normalised x: Tensor, by norm: GroupNorm, activation: Activation, adding residual: Residual? = nil
    ) throws -> Tensor {
        let preparation = RowPreparation.normalised(
            scale: norm.scale, bias: norm.bias, groups: norm.groups, epsilon: norm.epsilon, activation: activation)
        return try kernel.apply(x, preparing: preparation, adding: residual)
    }

    /// Convolves the norm and activation of `x`, to which `shift`, `[1 or batch, channel]`, is added before, by the faster of both
    /// ways.
    func callAsFunction(
        _ x: Tensor, adding shift: Tensor? = nil, by norm: GroupNorm, activation: Activation, residual: Residual? = nil
    ) throws -> Tensor {
        guard kernel.preparesAsItReads else {
            return try kernel.apply(try norm(x, adding: shift, activation: activation), adding: residual)
        }
        let preparation = RowPreparation.normalised(
            adding: shift, scale: norm.scale, bias: norm.bias, groups: norm.groups, epsilon: norm.epsilon,
            activation: activation)
        return try kernel.apply(x, preparing: preparation, adding: residual)
    }

    /// Convolves `x` at twice the size, which is never in memory as a whole.
    func callAsFunction(doubled x: Tensor) throws -> Tensor {
        try kernel.apply(x, preparing: .doubled, adding: nil)
    }
}

struct Linear {
    let kernel: any LinearKernel

    func callAsFunction(
        _ x: Tensor, adding residual: Tensor? = nil, activation: Activation = .identity, in precision: Precision = .fp32
    ) throws -> Tensor {
        try kernel.apply(x, adding: residual, activation: activation, in: precision)
    }

    /// The first half of the outputs times the GELU of the second, for products alone.
    func gated(_ x: Tensor) throws -> Tensor { try kernel.gated(x) }
}

struct GroupNorm {
    let device: any Device
    let scale: Tensor
    let bias: Tensor
    let groups: Int
    let epsilon: Float

    /// `shift`, `[1 or batch, channel]`, is added before the statistics.
    func callAsFunction(
        _ x: Tensor, adding shift: Tensor? = nil, activation: Activation = .identity, in precision: Precision = .fp32
    ) throws -> Tensor {
        try device.groupNorm(
            x, adding: shift, scale: scale, bias: bias, groups: groups, epsilon: epsilon, activation: activation,
            in: precision)
    }
}

struct LayerNorm {
    let device: any Device
    let scale: Tensor
    let bias: Tensor
    let epsilon: Float

    func callAsFunction(_ x: Tensor) throws -> Tensor {
        try device.layerNorm(x, scale: scale, bias: bias, epsilon: epsilon, in: .fp32)
    }

    /// For products alone.
    func forProducts(_ x: Tensor) throws -> Tensor {
        try device.layerNorm(x, scale: scale, bias: bias, epsilon: epsilon, in: device.precision)
    }
}
