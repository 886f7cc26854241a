<?php

declare(strict_types=1);

namespace Hawser\Tests\Support;

use Hawser\ClientOptions;
use Hawser\Fallback;
use PHPUnit\Framework\Assert;

/**
 * A real broker and a real origin, shared by the tests of one process: both take a second to start.
 */
final class Stand
{
    private const CONFIG = <<<'YAML'
        defaults:
          timeouts: { connect: 20s }
          breaker: { failures: 1000 }
        origins:
          - { match: "https://localhost:*", tls: { ca: CA } }
        YAML;

    private static ?self $shared = null;

    /**
     * @param string $url    of the origin, HTTP/2 over TLS
     * @param string $caFile whom to trust for it
     */
    private function __construct(
        public readonly string $socket,
        public readonly string $url,
        public readonly string $caFile,
        private readonly string $statsUrl,
        private readonly string $folder,
        private readonly NodeProcess $origin,
        private readonly NodeProcess $broker,
    ) {}

    public function __destruct()
    {
        array_map(unlink(...), glob($this->folder . '/*') ?: []);
        @rmdir($this->folder);
    }

    public static function shared(): self
    {
        if (!NodeProcess::isAvailable()) {
            Assert::markTestSkipped('the packages of the broker are not beside this one');
        }

        return self::$shared ??= self::start();
    }

    /**
     * Options for the way through the broker alone, or without one.
     */
    public function options(bool $isBroker, int $timeoutMs = 20_000): ClientOptions
    {
        return new ClientOptions(
            socket: $isBroker ? $this->socket : "{$this->folder}/none.sock",
            fallback: $isBroker ? Fallback::Fail : Fallback::Direct,
            connectTimeoutMs: 10_000,
            timeoutMs: $timeoutMs,
            logger: new MemoryLogger(),
            caFile: $this->caFile,
            maxDirectPerSecond: 0,
        );
    }

    /**
     * What the origin counted since it started.
     *
     * @return array<array-key, mixed>
     */
    public function stats(): array
    {
        $stats = json_decode((string) file_get_contents($this->statsUrl), true);

        return \is_array($stats) ? $stats : [];
    }

    public function resetStats(): void
    {
        file_get_contents("{$this->statsUrl}/reset");
    }

    /** That the broker met no failure of its own. */
    public function assertNoErrors(): void
    {
        Assert::assertStringNotContainsString('"level":50', $this->broker->output(), 'the broker logged an error');
        Assert::assertNotSame('', $this->origin->output());
    }

    private static function start(): self
    {
        $folder = sys_get_temp_dir() . '/hawser-test-' . bin2hex(random_bytes(6));
        mkdir($folder);
        $origin = new NodeProcess('testkit/src/origin-cli.ts', ['--dir', $folder], static fn(string $output): bool => str_starts_with($output, "{") && str_contains($output, "\n"));
        $ready = json_decode(explode("\n", $origin->output())[0], true);
        Assert::assertIsArray($ready);
        Assert::assertIsString($ready['url']);
        Assert::assertIsString($ready['ca']);
        Assert::assertIsString($ready['stats']);
        $socket = "{$folder}/broker.sock";
        file_put_contents("{$folder}/hawser.yaml", str_replace('CA', $ready['ca'], self::CONFIG));
        $broker = new NodeProcess('broker/src/main.ts', ['serve', '--socket', $socket, '--config', "{$folder}/hawser.yaml"], static fn(): bool => file_exists($socket));

        return new self($socket, $ready['url'], $ready['ca'], $ready['stats'], $folder, $origin, $broker);
    }
}
