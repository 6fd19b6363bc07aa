import Testing

@testable import Diffusion

/// Convolutions of pictures in bands of rows against the same in one piece: equal to the last bit.
@Suite("In bands of rows")
struct RowBandTests {
    private let device: CPUDevice
    private var noise = Noise(seed: 11)

    init() throws { device = try CPUDevice() }

    private mutating func layer(inputs: Int, outputs: Int, kernel: Int) throws -> any ConvolutionKernel {
        try device.convolution(
            ConvolutionShape(inputs: inputs, outputs: outputs, kernel: kernel),
            weights: WeightTensor(
                noise.values(outputs * inputs * kernel * kernel), shape: [outputs, inputs, kernel, kernel]),
            bias: WeightTensor(noise.values(outputs), shape: [outputs]))
    }

    private mutating func picture(_ batch: Int, _ height: Int, _ width: Int, _ channels: Int) throws -> Tensor {
        try device.upload(
            noise.values(batch * height * width * channels), shape: [batch, height, width, channels])
    }

    /// Heights that the bands divide, and that leave less than a tile; 16 results are convolved directly, 64 in tiles.
    @Test(
        "a normalised picture is convolved as in one piece",
        arguments: [(40, 1024, 128, 3), (41, 2048, 64, 3), (70, 1024, 96, 5), (9, 16, 32, 3)], [16, 64])
    mutating func normalised(_ size: (height: Int, width: Int, channels: Int, kernel: Int), outputs: Int) throws {
        let (height, width, channels, kernel) = size
        let shape = ConvolutionShape(inputs: channels, outputs: outputs, kernel: kernel)
        #expect((shape.bandRows(width: width) < height) == (width > 16), "the case is about bands")
        let layer = try layer(inputs: channels, outputs: outputs, kernel: kernel)
        let x = try picture(2, height, width, channels)
        let scale = try device.upload(noise.values(channels), shape: [channels])
        let bias = try device.upload(noise.values(channels), shape: [channels])
        let residual = try picture(2, height, width, outputs)
        let whole = try device.groupNorm(
            x, adding: nil, scale: scale, bias: bias, groups: 8, epsilon: 1e-6, activation: .silu)
        let expected = device.download(try layer.apply(whole, adding: .kept(residual)))
        let preparation = RowPreparation.normalised(
            scale: scale, bias: bias, groups: 8, epsilon: 1e-6, activation: .silu)
        let found = device.download(try layer.apply(x, preparing: preparation, adding: .kept(residual)))
        #expect(found == expected)
        let result = try layer.apply(x, preparing: preparation, adding: .givenUp(residual))
        #expect(result === residual && device.download(result) == expected)
    }

    @Test(
        "a doubled picture is convolved as in one piece", arguments: [(20, 512, 128), (37, 512, 96), (5, 8, 32)],
        [16, 64])
    mutating func doubled(_ size: (height: Int, width: Int, channels: Int), outputs: Int) throws {
        let (height, width, channels) = size
        let layer = try layer(inputs: channels, outputs: outputs, kernel: 3)
        let x = try picture(1, height, width, channels)
        let whole = try device.resized(x, height: 2 * height, width: 2 * width)
        let expected = device.download(try layer.apply(whole, adding: nil))
        #expect(device.download(try layer.apply(x, preparing: .doubled, adding: nil)) == expected)
    }
}
