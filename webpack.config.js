// Builds the app (www/) into www/dist. The package's worker and WebAssembly are found by webpack itself, as in any application that uses @dao/avatar.
import path from "node:path";
import HtmlWebpackPlugin from "html-webpack-plugin";
import MiniCssExtractPlugin from "mini-css-extract-plugin";
import { PwaPlugin } from "./www/build/pwa-plugin.mjs";

const WWW = path.join(import.meta.dirname, "www");

// Where the page may connect to beside its own server: the relays of whoever hosts it ("wss://relay.example https://relay.example:4002", the latter for WebTransport). By default one on this
// machine, at whichever ports. The header that a server sends can be narrower: see www/README.md.
const RELAY_ORIGINS = process.env.AVATAR_RELAY_ORIGINS ?? "ws://127.0.0.1:* https://127.0.0.1:*";

export default {
  name: "www",
  mode: "production",
  context: WWW,
  entry: { app: "./src/main.tsx" },
  output: {
    path: path.join(WWW, "dist"),
    filename: "[name].[contenthash].js",
    chunkFilename: "[name].[contenthash].js",
    assetModuleFilename: "[name].[contenthash][ext]",
    // Relative, so that the app can be served from any folder.
    publicPath: "auto",
    // The policy that the CSP names; it wraps the addresses of chunks and of the package's worker.
    trustedTypes: { policyName: "avatar-app#webpack" },
    clean: true,
  },
  resolve: { extensions: [".tsx", ".ts", ".js"] },
  module: {
    rules: [
      { test: /\.tsx?$/, loader: "esbuild-loader", options: { target: "es2022", jsx: "automatic", jsxImportSource: "preact", tsconfigRaw: {} } },
      { test: /\.css$/, use: [MiniCssExtractPlugin.loader, "css-loader"] },
    ],
  },
  optimization: {
    moduleIds: "deterministic",
    chunkIds: "named",
    // What several parts share (the YAML reader, the derived fields) is in one chunk, once.
    splitChunks: { chunks: "async", minSize: 4_000 },
  },
  // The first load is small on purpose and its budget is checked by the tests; webpack's own hints also count WebAssembly.
  performance: false,
  devtool: "source-map",
  stats: { preset: "errors-warnings", assets: false },
  plugins: [
    new HtmlWebpackPlugin({ template: path.join(WWW, "src/index.html"), scriptLoading: "defer", minify: false }),
    new MiniCssExtractPlugin({ filename: "[name].[contenthash].css" }),
    new PwaPlugin({ assets: path.join(WWW, "assets"), serviceWorker: path.join(WWW, "src/service-worker/service-worker.ts"), relayOrigins: RELAY_ORIGINS }),
  ],
};
