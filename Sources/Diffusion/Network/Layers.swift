/// A place in a model's weights and the device that they go to: layers are built from it by name.
struct LayerSource {
    let device: any Device
    let weights: WeightSource

    /// The layers below `name`.
    subscript(name: String) -> LayerSource {
        LayerSource(device: device, weights: weights.scoped(name))
    }

    func convolution(
        _ name: String, inputs: Int, outputs: Int, kernel: Int = 3, stride: Int = 1, padding: Int? = nil
    ) throws -> Convolution {
        let shape = ConvolutionShape(
            inputs: inputs, outputs: outputs, kernel: kernel, stride: stride, padding: padding)
        let values = try weights.floats("\(name).weight", shape: [outputs, inputs, kernel, kernel])
        let bias = try weights.floats("\(name).bias", shape: [outputs])
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
        let values = try names.flatMap { try weights.floats("\($0).weight", shape: shape) }
        let bias = hasBias ? try names.flatMap { try weights.floats("\($0).bias", shape: [outputs]) } : nil
        return Linear(
            kernel: try device.linear(
                inputs: inputs, outputs: outputs * names.count, weights: values, bias: bias))
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

    /// Makes sure that the device can attend with heads of `channels` channels.
    func requireHead(channels: Int) throws {
        guard channels <= device.widestHead else {
            throw DiffusionError.headTooWide(channels: channels, widest: device.widestHead)
        }
    }

    private func vector(_ name: String, _ count: Int) throws -> Tensor {
        try device.upload(try weights.floats(name, shape: [count]), shape: [count])
    }
}

struct Convolution {
    let kernel: any ConvolutionKernel

    func callAsFunction(_ x: Tensor, adding residual: Tensor? = nil) throws -> Tensor {
        try kernel.apply(x, adding: residual)
    }
}

struct Linear {
    let kernel: any LinearKernel

    func callAsFunction(
        _ x: Tensor, adding residual: Tensor? = nil, activation: Activation = .identity
    ) throws -> Tensor {
        try kernel.apply(x, adding: residual, activation: activation)
    }
}

struct GroupNorm {
    let device: any Device
    let scale: Tensor
    let bias: Tensor
    let groups: Int
    let epsilon: Float

    /// `shift`, `[1 or batch, channel]`, is added before the statistics.
    func callAsFunction(
        _ x: Tensor, adding shift: Tensor? = nil, activation: Activation = .identity
    ) throws -> Tensor {
        try device.groupNorm(
            x, adding: shift, scale: scale, bias: bias, groups: groups, epsilon: epsilon, activation: activation)
    }
}

struct LayerNorm {
    let device: any Device
    let scale: Tensor
    let bias: Tensor
    let epsilon: Float

    func callAsFunction(_ x: Tensor) throws -> Tensor {
        try device.layerNorm(x, scale: scale, bias: bias, epsilon: epsilon)
    }
}
