import Foundation
import Testing

@testable import Diffusion

/// Every operation against its definition in double precision, at sizes that are not multiples of a vector too.
///
/// Tolerances are a few units in the last place of the numbers involved, times the root of the terms of a sum.
@Suite struct CPUDeviceTests {
    private let device: CPUDevice
    private var noise = Noise(seed: 7)

    init() throws { device = try CPUDevice() }

    @Test("a convolution adds bias and residual", arguments: [(3, 1), (3, 2), (1, 1)])
    mutating func convolution(kernel: Int, stride: Int) throws {
        let (batch, height, width, inputs, outputs) = (2, 7, 5, 6, 10)
        let shape = ConvolutionShape(inputs: inputs, outputs: outputs, kernel: kernel, stride: stride)
        let (outHeight, outWidth) = (shape.output(height), shape.output(width))
        let x = noise.values(batch * height * width * inputs)
        let weights = noise.values(outputs * inputs * kernel * kernel)
        let bias = noise.values(outputs)
        let residual = noise.values(batch * outHeight * outWidth * outputs)
        let layer = try device.convolution(
            shape,
            weights: WeightTensor(weights, shape: [shape.outputs, shape.inputs, shape.kernel, shape.kernel]),
            bias: WeightTensor(bias, shape: [shape.outputs]))
        let result = try layer.apply(
            try device.upload(x, shape: [batch, height, width, inputs]),
            adding: .kept(try device.upload(residual, shape: [batch, outHeight, outWidth, outputs])))
        var expected: [Float] = []
        for image in 0..<batch {
            for row in 0..<outHeight {
                for column in 0..<outWidth {
                    for output in 0..<outputs {
                        var sum = Double(bias[output]) + Double(residual[expected.count])
                        for i in 0..<kernel {
                            for j in 0..<kernel {
                                let (y, z) = (row * stride + i - kernel / 2, column * stride + j - kernel / 2)
                                guard (0..<height).contains(y), (0..<width).contains(z) else { continue }
                                for input in 0..<inputs {
                                    let weight = weights[((output * inputs + input) * kernel + i) * kernel + j]
                                    sum +=
                                        Double(weight) * Double(x[((image * height + y) * width + z) * inputs + input])
                                }
                            }
                        }
                        expected.append(Float(sum))
                    }
                }
            }
        }
        #expect(result.shape == [batch, outHeight, outWidth, outputs])
        #expect(greatestDifference(device.download(result), expected) < 1e-5)
    }

    @Test(
        "a product adds bias and residual, then activates", arguments: [Activation.identity, .silu, .quickGELU, .gelu])
    mutating func linear(activation: Activation) throws {
        let (rows, inputs, outputs) = (9, 21, 13)
        let (x, weights) = (noise.values(rows * inputs), noise.values(outputs * inputs))
        let (bias, residual) = (noise.values(outputs), noise.values(rows * outputs))
        let layer = try device.linear(
            inputs: inputs, outputs: outputs, weights: WeightTensor(weights, shape: [outputs, inputs]),
            bias: WeightTensor(bias, shape: [outputs]))
        let result = try layer.apply(
            try device.upload(x, shape: [3, 3, inputs]), adding: try device.upload(residual, shape: [3, 3, outputs]),
            activation: activation)
        let expected = (0..<(rows * outputs)).map { index in
            let (row, output) = (index / outputs, index % outputs)
            let sum = (0..<inputs).reduce(Double(bias[output]) + Double(residual[index])) {
                $0 + Double(x[row * inputs + $1]) * Double(weights[output * inputs + $1])
            }
            return Float(activation.definition(sum))
        }
        #expect(greatestDifference(device.download(result), expected) < 1e-5)
    }

    @Test(
        "a product's bits do not depend on how many rows there are, nor on whether it is stored past the caches",
        arguments: Precision.allCases, [300, 720])
    mutating func rows(precision: Precision, inputs: Int) throws {
        let device = try CPUDevice(precision: precision)
        // 2.1 MB, which are stored past the caches where the inputs are one slice.
        let (rows, outputs) = (2049, 256)
        let (x, residual) = (noise.values(rows * inputs), noise.values(rows * outputs))
        let layer = try device.linear(
            inputs: inputs, outputs: outputs,
            weights: WeightTensor(noise.values(outputs * inputs), shape: [outputs, inputs]),
            bias: WeightTensor(noise.values(outputs), shape: [outputs]))
        func multiply(_ rows: Range<Int>) throws -> [Float] {
            let (from, to) = (rows.lowerBound, rows.upperBound)
            return device.download(
                try layer.apply(
                    try device.upload(Array(x[(from * inputs)..<(to * inputs)]), shape: [rows.count, inputs]),
                    adding: try device.upload(
                        Array(residual[(from * outputs)..<(to * outputs)]), shape: [rows.count, outputs]),
                    activation: .silu))
        }
        let all = try multiply(0..<rows)
        for part in [0..<100, 1000..<1011, 2000..<2049] {
            let isTheSame =
                try multiply(part)[...] == all[(part.lowerBound * outputs)..<(part.upperBound * outputs)]
            #expect(isTheSame)
        }
    }

    @Test(
        "group norm has mean and variance of pixels and channels, with a shift before them",
        arguments: [(1, 64, 16), (3, 20, 4), (2, 48, 1), (1, 540, 4)], [1, 40, 1500])
    mutating func groupNorm(size: (images: Int, channels: Int, groups: Int), pixels: Int) throws {
        let (images, channels, groups) = size
        // A mean far from zero, where plain sums of squares would lose the variance.
        let x = noise.values(images * pixels * channels).map { $0 + 50 }
        let (shift, scale, bias) = (noise.values(channels), noise.values(channels), noise.values(channels))
        let result = try device.groupNorm(
            try device.upload(x, shape: [images, 1, pixels, channels]),
            adding: try device.upload(shift, shape: [1, channels]),
            scale: try device.upload(scale, shape: [channels]), bias: try device.upload(bias, shape: [channels]),
            groups: groups, epsilon: 1e-5, activation: .silu)
        let width = channels / groups
        var expected = [Float](repeating: 0, count: x.count)
        for image in 0..<images {
            for group in 0..<groups {
                let places = (0..<pixels).flatMap { pixel in
                    (0..<width).map { (image * pixels + pixel) * channels + group * width + $0 }
                }
                let values = places.map { Double(x[$0]) + Double(shift[$0 % channels]) }
                let mean = values.reduce(0, +) / Double(values.count)
                let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
                for (place, value) in zip(places, values) {
                    let normal = (value - mean) / (variance + 1e-5).squareRoot()
                    let channel = place % channels
                    expected[place] = Float(
                        Activation.silu.definition(normal * Double(scale[channel]) + Double(bias[channel])))
                }
            }
        }
        // x is known to 50 * 2^-24 = 3e-6, and a variance of 1/3 doubles that.
        #expect(greatestDifference(device.download(result), expected) < 2e-5)
    }

    @Test("layer norm has mean and variance of the channels", arguments: [16, 33, 320])
    mutating func layerNorm(channels: Int) throws {
        let rows = 5
        let x = noise.values(rows * channels)
        let (scale, bias) = (noise.values(channels), noise.values(channels))
        let result = try device.layerNorm(
            try device.upload(x, shape: [rows, channels]), scale: try device.upload(scale, shape: [channels]),
            bias: try device.upload(bias, shape: [channels]), epsilon: 1e-5)
        let expected = (0..<rows).flatMap { row in
            let values = x[(row * channels)..<((row + 1) * channels)].map(Double.init)
            let mean = values.reduce(0, +) / Double(channels)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(channels)
            return (0..<channels).map {
                Float((values[$0] - mean) / (variance + 1e-5).squareRoot() * Double(scale[$0]) + Double(bias[$0]))
            }
        }
        #expect(greatestDifference(device.download(result), expected) < 5e-6)
    }

    @Test("a gated GELU multiplies the first half with the GELU of the second", arguments: [8, 19, 384])
    mutating func gatedGELU(inner: Int) throws {
        let x = noise.values(3 * 2 * inner).map { $0 * 6 }
        let result = try device.gatedGELU(try device.upload(x, shape: [3, 2 * inner]))
        let expected = (0..<(3 * inner)).map { index in
            let (row, channel) = (index / inner, index % inner)
            let gate = Activation.gelu.definition(Double(x[row * 2 * inner + inner + channel]))
            return Float(Double(x[row * 2 * inner + channel]) * gate)
        }
        // Numbers up to 36; the approximation of erf is good to 1.5e-7 of the value's own size.
        #expect(greatestDifference(device.download(result), expected) < 1e-5)
    }

    @Test("activations hold far from zero too", arguments: [Activation.silu, .quickGELU, .gelu, .relu])
    func activations(activation: Activation) throws {
        let x = (-1000...1000).map { Float($0) / 8 }
        let result = device.download(try device.activate(try device.upload(x, shape: [x.count]), activation))
        for (value, found) in zip(x, result) {
            let expected = Float(activation.definition(Double(value)))
            #expect(abs(found - expected) <= 1e-6 + 2e-7 * abs(expected), "\(activation) of \(value)")
        }
    }

    @Test("what is no number stays none", arguments: [Activation.silu, .quickGELU, .gelu, .relu])
    func notANumber(activation: Activation) throws {
        let x = try device.upload([.nan, 1, .nan], shape: [3])
        #expect(device.download(try device.activate(x, activation)).map(\.isNaN) == [true, false, true])
    }

    @Test("resizing takes the nearest pixel above and to the left")
    func resize() throws {
        let x = (0..<6).map(Float.init)
        let result = try device.resized(try device.upload(x, shape: [1, 2, 3, 1]), height: 3, width: 6)
        #expect(device.download(result) == [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
    }

    @Test("joining puts the channels side by side")
    func concatenate() throws {
        let a = try device.upload([1, 2, 3, 4], shape: [2, 2])
        let b = try device.upload([5, 6], shape: [2, 1])
        #expect(device.download(try device.concatenated(a, b)) == [1, 2, 5, 3, 4, 6])
    }
}

extension Activation {
    fileprivate func definition(_ x: Double) -> Double {
        switch self {
        case .identity: x
        case .silu: x / (1 + exp(-x))
        case .quickGELU: x / (1 + exp(-1.702 * x))
        case .gelu: x / 2 * (1 + erf(x / 2.0.squareRoot()))
        case .relu: max(x, 0)
        }
    }
}
