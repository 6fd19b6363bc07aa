import CKernels
import Testing

@testable import Diffusion

/// The direct convolution on AMX, with numbers that are bfloat16 before: then nothing but the order of additions differs from
/// single precision.
@Suite("Convolutions on AMX", .enabled(if: tmdne_has_amx() != 0))
struct BfloatConvolutionTests {
    private let device: CPUDevice
    private var noise = Noise(seed: 17)

    init() throws { device = try CPUDevice(precision: .bf16) }

    private mutating func numbers(_ count: Int) -> [Float] {
        noise.values(count).map { Float(bitPattern: $0.bitPattern & 0xffff_0000) }
    }

    private mutating func layer(_ shape: ConvolutionShape) throws -> (
        ours: BfloatConvolution, direct: OneDNNConvolution
    ) {
        let weights = WeightTensor(
            numbers(shape.outputs * shape.inputs * 9), shape: [shape.outputs, shape.inputs, 3, 3])
        let bias = WeightTensor(noise.values(shape.outputs), shape: [shape.outputs])
        return (
            try BfloatConvolution(device: device, shape: shape, weights: weights, bias: bias),
            try OneDNNConvolution(device: device, shape: shape, weights: weights, bias: bias)
        )
    }

    private mutating func picture(_ batch: Int, _ height: Int, _ width: Int, _ channels: Int) throws -> Tensor {
        try device.upload(numbers(batch * height * width * channels), shape: [batch, height, width, channels])
    }

    /// Sizes that the blocks of 32 pixels and the tasks of 384 divide and do not, and pictures in bands and several at once.
    @Test(
        "agrees with single precision",
        arguments: [(1, 1, 1), (2, 8, 8), (3, 17, 13), (1, 160, 1030), (5, 64, 64)],
        [(32, 16, 1), (96, 48, 1), (320, 16, 1), (32, 16, 2), (96, 48, 2)])
    mutating func agrees(
        _ size: (batch: Int, height: Int, width: Int), shape: (inputs: Int, outputs: Int, stride: Int)
    ) throws {
        guard shape.inputs == 32 || size.width < 1000 else { return }
        let shape = ConvolutionShape(inputs: shape.inputs, outputs: shape.outputs, kernel: 3, stride: shape.stride)
        let layer = try layer(shape)
        let x = try picture(size.batch, size.height, size.width, shape.inputs)
        let residual = try picture(size.batch, shape.output(size.height), shape.output(size.width), shape.outputs)
        let expected = device.download(try layer.direct.apply(x, adding: .kept(residual)))
        let found = device.download(try layer.ours.apply(x, adding: .kept(residual)))
        let greatest = zip(found, expected).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
        // Sums of up to 2,880 products of numbers below 1, up to 70, in another order. Measured: 1.07e-4.
        #expect(greatest < 3e-4, "\(greatest)")
        let result = try layer.ours.apply(x, adding: .givenUp(residual))
        #expect(result === residual && device.download(result) == found)
    }

    @Test("a picture is prepared on the way as before it", arguments: [(2, 16, 20, 64), (1, 300, 512, 32)])
    mutating func prepared(_ batch: Int, _ height: Int, _ width: Int, _ channels: Int) throws {
        let layer = try layer(ConvolutionShape(inputs: channels, outputs: 32, kernel: 3)).ours
        let x = try picture(batch, height, width, channels)
        let (scale, bias) = (
            try device.upload(noise.values(channels), shape: [channels]),
            try device.upload(noise.values(channels), shape: [channels])
        )
        let shift = try device.upload(noise.values(batch * channels), shape: [batch, channels])
        let norm = try device.groupNorm(
            x, adding: shift, scale: scale, bias: bias, groups: 8, epsilon: 1e-5, activation: .silu)
        let preparation = RowPreparation.normalised(
            adding: shift, scale: scale, bias: bias, groups: 8, epsilon: 1e-5, activation: .silu)
        let between = device.download(try layer.apply(norm, adding: nil))
        let direct = device.download(try layer.apply(x, preparing: preparation, adding: nil))
        // The activation on the way is to 3e-4 of the value, so that some numbers are rounded the other way. A rounding of all of them
        // takes 2e-3. Measured: 3.6e-4.
        let error = relativeError(direct, between)
        #expect(error < 1e-3, "\(error)")
        let doubled = try device.resized(x, height: 2 * height, width: 2 * width)
        // A comparison within the expectation would look for the differences of long arrays, which takes hours.
        let isEqual =
            try device.download(layer.apply(x, preparing: .doubled, adding: nil))
            == device.download(layer.apply(doubled, adding: nil))
        #expect(isEqual)
    }

    @Test("an image's numbers do not depend on its batch", arguments: [(8, 8), (64, 64), (33, 40)])
    mutating func batches(_ height: Int, _ width: Int) throws {
        let layer = try layer(ConvolutionShape(inputs: 64, outputs: 96, kernel: 3)).ours
        let values = numbers(3 * height * width * 64)
        let one = height * width * 64
        let all = device.download(
            try layer.apply(try device.upload(values, shape: [3, height, width, 64]), adding: nil))
        for image in 0..<3 {
            let alone = try device.upload(
                Array(values[image * one..<(image + 1) * one]), shape: [1, height, width, 64])
            let found = device.download(try layer.apply(alone, adding: nil))
            let isEqual = found == Array(all[image * found.count..<(image + 1) * found.count])
            #expect(isEqual)
        }
    }
}
