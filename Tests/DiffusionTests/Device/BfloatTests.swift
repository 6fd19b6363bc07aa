import CKernels
import Foundation
import Testing

@testable import Diffusion

/// Operations with factors in bfloat16, against sums in double precision of the rounded factors.
@Suite struct BfloatTests {
    private let device: CPUDevice
    private var noise = Noise(seed: 11)

    init() throws { device = try CPUDevice(precision: .bf16) }

    /// The nearest bfloat16, ties to even.
    private func rounded(_ value: Float) -> Double {
        let bits = value.bitPattern
        return Double(Float(bitPattern: (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000))
    }

    @Test(
        "a product rounds its factors, and nothing else",
        arguments: [(1, 1, 1), (9, 21, 13), (7, 640, 64), (200, 1285, 100), (97, 64, 330)])
    mutating func linear(rows: Int, inputs: Int, outputs: Int) throws {
        let x = noise.values(rows * inputs)
        let weights = noise.values(outputs * inputs)
        let bias = noise.values(outputs)
        let residual = noise.values(rows * outputs)
        let layer = try device.linear(
            inputs: inputs, outputs: outputs, weights: WeightTensor(weights, shape: [outputs, inputs]),
            bias: WeightTensor(bias, shape: [outputs]))
        let added = try device.upload(residual, shape: [rows, outputs])
        let result = device.download(
            try layer.apply(try device.upload(x, shape: [rows, inputs]), adding: added, activation: .identity))
        var greatest = 0.0
        for row in 0..<rows {
            for output in 0..<outputs {
                let sum = (0..<inputs).reduce(Double(bias[output]) + Double(residual[row * outputs + output])) {
                    $0 + rounded(x[row * inputs + $1]) * rounded(weights[output * inputs + $1])
                }
                greatest = max(greatest, abs(sum - Double(result[row * outputs + output])))
            }
        }
        // The sums are in single precision: a few units in the last place of numbers around the root of the inputs. The
        // factors' own rounding, 2^-9 of each, would show as 1e-3 and more. Measured at most 1.6e-5.
        #expect(greatest < 5e-5)
    }

    @Test(
        "a convolution is that of single precision but for the factors' rounding",
        arguments: [(1, 4, 4), (2, 7, 5), (1, 33, 50)], [(64, 64), (320, 96), (2560, 496)])
    mutating func convolution(
        size: (batch: Int, height: Int, width: Int), channels: (inputs: Int, outputs: Int)
    ) throws {
        let shape = ConvolutionShape(inputs: channels.inputs, outputs: channels.outputs, kernel: 3)
        let weights = WeightTensor(
            noise.values(shape.outputs * shape.inputs * 9), shape: [shape.outputs, shape.inputs, 3, 3])
        let bias = WeightTensor(noise.values(shape.outputs), shape: [shape.outputs])
        let dimensions = [size.batch, size.height, size.width]
        let x = try device.upload(
            noise.values(dimensions.reduce(1, *) * shape.inputs), shape: dimensions + [shape.inputs])
        let ours = try device.convolution(shape, weights: weights, bias: bias)
        #expect(ours is WinogradConvolution || ours is BfloatConvolution)
        let direct = try OneDNNConvolution(device: device, shape: shape, weights: weights, bias: bias)
        let difference = relativeError(
            device.download(try ours.apply(x, adding: nil)), device.download(try direct.apply(x, adding: nil)))
        // Two roundings of 2^-9 at most make 2.3e-3 of a direct sum in the mean; the smaller tile's transforms make 1.6 times, the
        // larger one's 4.7 times as much of them. Measured: 3.8e-3 to 4.3e-3, and 1.1e-2 to 1.4e-2 where few pixels are.
        let bound = ours is BfloatConvolution ? 4e-3 : WinogradConvolution.tile(of: shape) == 2 ? 6e-3 : 2e-2
        #expect(difference < bound && difference > 1e-3, "\(difference)")
    }

    @Test(
        "what AVX-512 or more is used for, and the loops that do without, give the same, but for the order of rounding",
        .enabled(if: tmdne_has_wide_vectors() != 0), arguments: [700, 704])
    mutating func variants(inputs: Int) throws {
        let (rows, outputs) = (50, 90)
        let (x, weights) = (noise.values(rows * inputs), noise.values(inputs * outputs))
        var panels = [UInt16](repeating: 0, count: tmdne_bfloat_panel_numbers(inputs, outputs))
        tmdne_pack_bfloat_panels(weights, &panels, inputs, outputs, 1)
        var scratch = [Float](repeating: 0, count: tmdne_bfloat_product_scratch(rows, inputs))
        var results: [[Float]] = []
        for multiply in [tmdne_multiply_bfloats, tmdne_multiply_bfloats_plainly] {
            var y = [Float](repeating: 0, count: rows * outputs)
            x.withUnsafeBufferPointer { x in
                panels.withUnsafeBufferPointer { panels in
                    y.withUnsafeMutableBufferPointer { y in
                        scratch.withUnsafeMutableBufferPointer { scratch in
                            var call = tmdne_product()
                            call.x = UnsafeRawPointer(x.baseAddress)
                            call.panels = UnsafeRawPointer(panels.baseAddress)
                            call.y = UnsafeMutableRawPointer(y.baseAddress)
                            call.scratch = scratch.baseAddress
                            (call.matrices, call.rows, call.inputs, call.outputs) = (1, rows, inputs, outputs)
                            multiply(&call)
                        }
                    }
                }
            }
            results.append(y)
        }
        // Instructions for bfloat16 add in another order. Measured: 1.1e-7, and on AMX 1.2e-7.
        let bound = tmdne_has_bfloats() != 0 ? 5e-7 : 0
        #expect(relativeError(results[1], results[0]) <= bound)
    }

    @Test("what only products use is rounded as they round", arguments: [32, 48, 50, 51])
    mutating func factors(channels: Int) throws {
        let x = try device.upload(noise.values(37 * channels), shape: [37, channels])
        let scale = try device.upload(noise.values(channels), shape: [channels])
        let bias = try device.upload(noise.values(channels), shape: [channels])
        let exact = try device.layerNorm(x, scale: scale, bias: bias, epsilon: 1e-5)
        let narrow = try device.layerNorm(x, scale: scale, bias: bias, epsilon: 1e-5, in: .bf16)
        #expect(narrow.precision == (channels == 51 ? .fp32 : .bf16))
        if narrow.precision == .bf16 {
            #expect(device.download(narrow).map(Double.init) == device.download(exact).map(rounded))
        }
        let layer = try device.linear(
            inputs: channels, outputs: 64, weights: WeightTensor(noise.values(64 * channels), shape: [64, channels]),
            bias: WeightTensor(noise.values(64), shape: [64]))
        let apply = { [device] (x: Tensor, precision: Precision) in
            device.download(try layer.apply(x, adding: nil, activation: .silu, in: precision))
        }
        let whole = try apply(exact, .fp32)
        #expect(try apply(narrow, .fp32) == whole)
        let products = try layer.apply(narrow, adding: nil, activation: .silu, in: .bf16)
        if products.precision == .bf16 {
            #expect(device.download(products).map(Double.init) == whole.map(rounded))
        }
        // The GELU of one variant and of another are compiled apart: some results lie on either side of a rounding.
        let gated = try device.gatedGELU(try layer.apply(exact, adding: nil, activation: .identity))
        let difference = relativeError(device.download(try layer.gated(narrow)), device.download(gated))
        #expect(gated.shape == [37, 32] && difference < 1e-4, "\(difference)")
    }

    @Test("attention takes what is rounded as it rounds", arguments: [(3, 40, 77), (2, 64, 300), (1, 33, 20)])
    mutating func attention(heads: Int, width: Int, keys: Int) throws {
        let model = heads * width
        let shapes = [[2, 70, model], [2, keys, model], [2, keys, model]]
        let floats = shapes.map { noise.values($0.reduce(1, *)).map { Float(rounded($0)) } }
        let exact = try zip(floats, shapes).map { try device.upload($0, shape: $1) }
        let attend = { [device] (x: [Tensor]) in
            device.download(
                try device.attention(
                    queries: TensorSlice(x[0]), keys: TensorSlice(x[1]), values: TensorSlice(x[2]), heads: heads,
                    headWidth: width, isCausal: false))
        }
        let narrow = try exact.map { x in
            let result = try device.empty(x.shape, in: .bf16)
            guard result.precision == .bf16 else { return x }
            let values = device.download(x).map { UInt16($0.bitPattern >> 16) }
            device.numbers(result).copyMemory(from: values, byteCount: 2 * values.count)
            return result
        }
        let isEqual = try attend(narrow) == attend(exact)
        #expect(isEqual)
    }

    @Test("what is no number stays none")
    func brokenWeights() throws {
        let layer = try device.linear(
            inputs: 2, outputs: 1, weights: WeightTensor([.init(bitPattern: 0x7fff_ffff), 1], shape: [1, 2]), bias: nil)
        let result = try layer.apply(try device.upload([1, 1], shape: [1, 2]), adding: nil, activation: .identity)
        #expect(device.download(result)[0].isNaN)
    }

    @Test("a picture is the one of single precision to the eye")
    func picture() throws {
        let row = RowRequest(
            prompt: "old man with glasses teaching math at a blackboard", negativePrompt: "bangs curls",
            guidances: [5, 7.5, 18.5], seed: 1, steps: 12, sampler: SamplerSettings(.dpmpp2m, layout: .karras),
            width: 128, height: 128)
        var pictures: [Precision: [Int: [UInt8]]] = [:]
        for precision in Precision.allCases {
            let pipeline = try Pipeline(
                model: try ModelFolder(path: Golden.model), device: try CPUDevice(precision: precision))
            try pipeline.render(row) { pictures[precision, default: [:]][$0.index] = $0.pixels }
        }
        // Measured: 47.7, 37.4 and 35.7 dB, as guidance enlarges what differs; factors of which a half is lost give 12.
        for index in row.guidances.indices {
            let (exact, narrow) = (try #require(pictures[.fp32]?[index]), try #require(pictures[.bf16]?[index]))
            let squares = zip(exact, narrow).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
            let decibels = 10 * log10(255 * 255 * Double(exact.count) / squares)
            #expect(exact != narrow && decibels > 32, "guidance \(row.guidances[index]): \(decibels) dB")
        }
    }
}
