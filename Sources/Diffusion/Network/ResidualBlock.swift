/// diffusers' `ResnetBlock2D`: norm, SiLU, convolution, time embedding, and the same again, beside a shortcut (He et al. 2016).
struct ResidualBlock {
    private let norm1: GroupNorm
    private let convolution1: Convolution
    private let timeProjection: Linear?
    private let norm2: GroupNorm
    private let convolution2: Convolution
    private let shortcut: Linear?

    /// `timeChannels` is the width of the time embedding; `nil` in the autoencoder, which has none.
    init(
        _ source: LayerSource, inputs: Int, outputs: Int, timeChannels: Int?, groups: Int, epsilon: Float
    ) throws {
        norm1 = try source.groupNorm("norm1", channels: inputs, groups: groups, epsilon: epsilon)
        convolution1 = try source.convolution("conv1", inputs: inputs, outputs: outputs)
        timeProjection = try timeChannels.map {
            try source.linear("time_emb_proj", inputs: $0, outputs: outputs)
        }
        norm2 = try source.groupNorm("norm2", channels: outputs, groups: groups, epsilon: epsilon)
        convolution2 = try source.convolution("conv2", inputs: outputs, outputs: outputs)
        shortcut =
            inputs == outputs
            ? nil : try source.linear("conv_shortcut", inputs: inputs, outputs: outputs, isConvolution: true)
    }

    /// `[batch, height, width, input]` to `[batch, height, width, output]`, in a block without time embedding. Pictures of full
    /// size pass here, so that the caller gives its input up: the result takes that one's place, or that of the shortcut's.
    func callAsFunction(_ x: Tensor) throws -> Tensor {
        let hidden = try convolution1(normalised: x, by: norm1, activation: .silu)
        let residual = try shortcut.map { try $0(x) } ?? x
        return try convolution2(normalised: hidden, by: norm2, activation: .silu, adding: .givenUp(residual))
    }

    /// `[batch, height, width, input]` to `[batch, height, width, output]`; `time` is the activated time embedding,
    /// `[1 or batch, time]`.
    func callAsFunction(_ x: Tensor, time: Tensor) throws -> Tensor {
        let shift = try timeProjection.map { try $0(time) }
        let hidden = try convolution1(x, by: norm1, activation: .silu)
        let residual = try shortcut.map { .givenUp(try $0(x)) } ?? Residual.kept(x)
        return try convolution2(hidden, adding: shift, by: norm2, activation: .silu, residual: residual)
    }
}

/// Halves a picture: a convolution of stride 2.
struct Downsample {
    private let convolution: Convolution

    init(_ source: LayerSource, channels: Int, padding: Int) throws {
        convolution = try source.convolution("conv", inputs: channels, outputs: channels, stride: 2, padding: padding)
    }

    func callAsFunction(_ x: Tensor) throws -> Tensor { try convolution(x) }
}

/// Doubles a picture: nearest neighbour, then a convolution.
struct Upsample {
    private let device: any Device
    private let convolution: Convolution

    init(_ source: LayerSource, channels: Int) throws {
        device = source.device
        convolution = try source.convolution("conv", inputs: channels, outputs: channels)
    }

    /// Of a given size, to meet a skip connection.
    func callAsFunction(_ x: Tensor, height: Int, width: Int) throws -> Tensor {
        try convolution(try device.resized(x, height: height, width: width))
    }

    /// Twice as large.
    func callAsFunction(_ x: Tensor) throws -> Tensor {
        try convolution(doubled: x)
    }
}
