import Testing

@testable import Diffusion

@Suite struct WinogradTests {
    private let device: CPUDevice

    init() throws { device = try CPUDevice() }

    @Test(
        "Winograd's way agrees with the direct one, at edges that cut tiles too",
        arguments: [(1, 4, 4), (2, 7, 5), (3, 16, 16), (1, 33, 50)], [(96, 64), (2560, 496)])
    func direct(size: (batch: Int, height: Int, width: Int), channels: (inputs: Int, outputs: Int)) throws {
        var noise = Noise(seed: 5)
        let shape = ConvolutionShape(inputs: channels.inputs, outputs: channels.outputs, kernel: 3)
        #expect(WinogradConvolution.tile(of: shape) == (channels.inputs == 96 ? 4 : 2))
        let weights = WeightTensor(
            noise.values(shape.outputs * shape.inputs * 9), shape: [shape.outputs, shape.inputs, 3, 3])
        let bias = WeightTensor(noise.values(shape.outputs), shape: [shape.outputs])
        let dimensions = [size.batch, size.height, size.width]
        let pixels = dimensions.reduce(1, *)
        let x = try device.upload(noise.values(pixels * shape.inputs), shape: dimensions + [shape.inputs])
        let residual = try device.upload(noise.values(pixels * shape.outputs), shape: dimensions + [shape.outputs])
        let ours = try WinogradConvolution(device: device, shape: shape, weights: weights, bias: bias)
        let direct = try OneDNNConvolution(device: device, shape: shape, weights: weights, bias: bias)
        for added in [nil, Residual.kept(residual)] {
            let expected = device.download(try direct.apply(x, adding: added))
            let scale = expected.reduce(0) { max($0, abs($1)) }
            // Measured at most 9.7e-6 of the largest value: the transforms add and subtract numbers of several
            // magnitudes, which costs a digit beside the direct sum.
            let difference = greatestDifference(device.download(try ours.apply(x, adding: added)), expected)
            #expect(difference < 3e-5 * scale, "\(difference / scale)")
        }
        for layer in [ours, direct] as [any ConvolutionKernel] {
            let expected = device.download(try layer.apply(x, adding: .kept(residual)))
            let place = try device.upload(device.download(residual), shape: residual.shape)
            let result = try layer.apply(x, adding: .givenUp(place))
            #expect(result === place && device.download(result) == expected)
        }
    }

    @Test(
        "a picture's bits do not depend on its neighbours, wherever its tiles fall", arguments: [64, 320, 1120],
        Precision.allCases)
    func invariance(channels: Int, precision: Precision) throws {
        let device = try CPUDevice(precision: precision)
        var noise = Noise(seed: 6)
        let layer = try Self.layer(of: channels, on: device, noise: &noise)
        let (batch, side) = (5, 20)
        let one = side * side * channels
        let pictures = noise.values(batch * one)
        let together = device.download(
            try layer.apply(try device.upload(pictures, shape: [batch, side, side, channels]), adding: nil))
        for image in 0..<batch {
            let range = (image * one)..<((image + 1) * one)
            let alone = device.download(
                try layer.apply(
                    try device.upload(Array(pictures[range]), shape: [1, side, side, channels]), adding: nil))
            #expect(alone == Array(together[range]))
        }
    }

    @Test(
        "nor on how many tiles are transformed at once, nor on whether the result is stored past the caches",
        arguments: [64, 512], Precision.allCases)
    func large(channels: Int, precision: Precision) throws {
        let device = try CPUDevice(precision: precision)
        var noise = Noise(seed: 7)
        let layer = try Self.layer(of: channels, on: device, noise: &noise)
        // 2.2 MB of 64 channels, and 32 rows of it, of whose tiles the last have an edge of their own.
        let (height, width, rows) = (93, 91, 32)
        let pictures = noise.values(2 * height * width * channels)
        let residual = noise.values(pictures.count)
        func convolve(_ values: ArraySlice<Float>, adding residual: ArraySlice<Float>, shape: [Int]) throws -> [Float] {
            let added = try device.upload(Array(residual), shape: shape)
            return device.download(
                try layer.apply(try device.upload(Array(values), shape: shape), adding: .kept(added)))
        }
        let whole = try convolve(pictures[...], adding: residual[...], shape: [2, height, width, channels])
        let count = rows * width * channels
        let part = try convolve(
            pictures[..<count], adding: residual[..<count], shape: [1, rows, width, channels])
        let common = (rows - 4) * width * channels
        // Compared first, since a failure would print all of them.
        let isPartTheSame = part[..<common] == whole[..<common]
        #expect(isPartTheSame)
        let one = height * width * channels
        let second = try convolve(pictures[one...], adding: residual[one...], shape: [1, height, width, channels])
        let isSecondTheSame = second[...] == whole[one...]
        #expect(isSecondTheSame)
    }

    private static func layer(of channels: Int, on device: CPUDevice, noise: inout Noise) throws -> WinogradConvolution
    {
        try WinogradConvolution(
            device: device, shape: ConvolutionShape(inputs: channels, outputs: channels, kernel: 3),
            weights: WeightTensor(noise.values(channels * channels * 9), shape: [channels, channels, 3, 3]),
            bias: WeightTensor(noise.values(channels), shape: [channels]))
    }

    @Test("only convolutions that gain are done Winograd's way")
    func suits() {
        func suits(_ inputs: Int, _ outputs: Int, kernel: Int = 3, stride: Int = 1) -> Bool {
            WinogradConvolution.suits(
                ConvolutionShape(inputs: inputs, outputs: outputs, kernel: kernel, stride: stride))
        }
        #expect(suits(320, 320) && suits(1280, 1280) && suits(128, 64))
        #expect(!suits(320, 320, stride: 2) && !suits(320, 320, kernel: 1) && !suits(320, 4) && !suits(100, 320))
    }
}
