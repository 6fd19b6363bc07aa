import Diffusion
import Foundation
import Testing

@Suite("A model's folder")
struct ModelFolderTests {
    private let folder: TemporaryFolder
    /// A copy of the embedded model.
    private var path: String { "\(folder.path)/tmdne-tiny" }

    init() throws {
        folder = try TemporaryFolder()
        try folder.copy(Golden.model)
    }

    @Test("hands out the configs and weights of its parts")
    func embeddedModel() throws {
        let model = try ModelFolder(path: Golden.model)
        let textEncoder = try #require(model.config.textEncoders.first)
        #expect(model.config.textEncoders.count == 1 && model.config.family == .stableDiffusion1)
        #expect(textEncoder.hiddenSize == 128 && textEncoder.activation == .quickGELU)
        #expect(model.config.unet.blockOutChannels == [64, 96, 128] && model.config.vae.upscaling == 8)
        #expect(model.config.scheduler.trainedTimestepCount == 1000)
        #expect(try model.tokenizers().map { $0.encode("").count } == [77])
        let weights = try #require(try model.textEncoderWeights().first)
        let embedding = weights.scoped(ifPresent: "text_model").shape(of: "embeddings.token_embedding.weight")
        #expect(embedding == [textEncoder.vocabularySize, textEncoder.hiddenSize])
        #expect(try model.unetWeights().contains("conv_in.weight"))
        #expect(try model.vaeWeights().contains("decoder.conv_in.weight"))
    }

    @Test(
        "without one of its files is refused with that file's name",
        arguments: [
            "model_index.json", "text_encoder/config.json", "unet/config.json", "vae/config.json",
            "scheduler/scheduler_config.json", "vae", "tokenizer/vocab.json", "tokenizer/merges.txt",
        ])
    func missing(file: String) throws {
        try FileManager.default.removeItem(atPath: "\(path)/\(file)")
        let error = #expect(throws: DiffusionError.self) { try ModelFolder(path: path) }
        #expect(try #require(error).description.hasPrefix("\(path)/\(file)"))
    }

    @Test("without weights is refused with the name of the file that should be there")
    func missingWeights() throws {
        let file = "\(path)/unet/diffusion_pytorch_model.safetensors"
        try FileManager.default.removeItem(atPath: file)
        let remedy = "download the part's weights, or check the model's path"
        #expect(throws: DiffusionError.missingFile(path: file, remedy: remedy)) { try ModelFolder(path: path) }
    }

    @Test("whose tokenizer knows more tokens than its text encoder is refused")
    func foreignTokenizer() throws {
        try folder.copyJSON(
            "\(Golden.model)/text_encoder/config.json", to: "tmdne-tiny/text_encoder/config.json",
            edits: ["vocab_size": "1000"])
        #expect(throws: DiffusionError.self) { try ModelFolder(path: path).tokenizers() }
    }

    @Test("of an unknown pipeline is refused with the known ones")
    func otherPipeline() throws {
        try folder.write(#"{"_class_name": "AudioLDMPipeline"}"#, to: "tmdne-tiny/model_index.json")
        let error = #expect(throws: DiffusionError.self) { try ModelFolder(path: path) }
        let text = try #require(error).description
        #expect(text.hasPrefix("\(path)/model_index.json: the key \"_class_name\" is \"AudioLDMPipeline\", but only"))
        #expect(text.contains("StableDiffusionXLPipeline"))
    }

    @Test(
        "of a kind that is not supported is refused by its name",
        arguments: [
            ("StableDiffusionInpaintPipeline", UnsupportedModel.inpainting),
            ("StableDiffusionXLInpaintPipeline", .inpainting), ("FluxPipeline", .flux),
            ("StableDiffusion3Pipeline", .stableDiffusion3), ("StableDiffusionUpscalePipeline", .upscaler),
            ("StableDiffusionInstructPix2PixPipeline", .instructPix2Pix), ("StableDiffusionXLPipeline", .refiner),
        ])
    func unsupportedPipeline(name: String, kind: UnsupportedModel) throws {
        try folder.write(
            #"{"_class_name": "\#(name)", "text_encoder": [null, null]}"#, to: "tmdne-tiny/model_index.json")
        #expect(throws: DiffusionError.unsupportedModel(path: path, kind)) { try ModelFolder(path: path) }
    }

    @Test("whose UNet reads more than latents is refused by what it is for", arguments: [7, 8, 9])
    func moreInputs(channels: Int) throws {
        let file = try folder.copyJSON(
            "\(Golden.model)/unet/config.json", to: "tmdne-tiny/unet/config.json", edits: ["in_channels": "\(channels)"]
        )
        let kind: [Int: UnsupportedModel] = [7: .upscaler, 8: .instructPix2Pix, 9: .inpainting]
        #expect(throws: DiffusionError.unsupportedModel(path: file, try #require(kind[channels]))) {
            try ModelFolder(path: path)
        }
    }

    @Test(
        "whose parts do not fit one another is refused",
        arguments: [
            (key: "cross_attention_dim", value: "768", problem: "is 768, but the text encoder's hidden_size is 128"),
            (key: "in_channels", value: "6", problem: "is 6, but the VAE's latents have 4 channels"),
        ])
    func disagreement(_ edit: (key: String, value: String, problem: String)) throws {
        let file = try folder.copyJSON(
            "\(Golden.model)/unet/config.json", to: "tmdne-tiny/unet/config.json", edits: [edit.key: edit.value])
        #expect(throws: DiffusionError.invalidConfig(path: file, key: edit.key, problem: edit.problem)) {
            try ModelFolder(path: path)
        }
    }

    @Test(
        "of Stable Diffusion XL whose added condition fits the refiner, or nothing, is refused",
        arguments: [(20 + 5 * 8, UnsupportedModel.refiner), (30 + 6 * 8, nil)])
    func addedCondition(width: Int, kind: UnsupportedModel?) throws {
        try folder.copy("\(Golden.folder)/family-sdxl")
        let path = "\(folder.path)/family-sdxl"
        let key = "projection_class_embeddings_input_dim"
        let file = try folder.copyJSON(
            "\(path)/unet/config.json", to: "family-sdxl/unet/config.json", edits: [key: "\(width)"])
        let problem = "leaves 30 channels to the text, but the text encoder projects to 20"
        let expected = kind.map { DiffusionError.unsupportedModel(path: file, $0) }
        #expect(throws: expected ?? .invalidConfig(path: file, key: key, problem: problem)) {
            try ModelFolder(path: path)
        }
    }
}
