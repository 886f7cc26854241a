<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use Hawser\Tests\Support\Stand;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;

/**
 * The PHP snippets of the guide's pages and the examples, as they stand, through a real broker; only the origin's name is
 * another.
 */
final class GuideTest extends TestCase
{
    private const PAGES = ['adopting', 'guzzle', 'streams', 'symfony'];

    /**
     * @return iterable<string, array{string, string}> code and what it prints, where the page says so
     */
    public static function snippets(): iterable
    {
        foreach (self::PAGES as $page) {
            $text = (string) @file_get_contents(\dirname(__DIR__, 3) . "/docs/guide/{$page}.md");
            preg_match_all('/^```php\n(.*?)^```(?:\n+^```text\n(.*?)^```)?/ms', $text, $found, PREG_SET_ORDER);
            foreach ($found as $number => $parts) {
                yield "{$page}, " . ($number + 1) => [$parts[1], $parts[2] ?? ''];
            }
        }
        foreach (glob(\dirname(__DIR__, 2) . '/examples/*.php') ?: [] as $file) {
            yield basename($file) => [(string) file_get_contents($file), ''];
        }
    }

    #[DataProvider('snippets')]
    public function testSnippet(string $code, string $printed): void
    {
        $stand = Stand::shared();
        $file = (string) tempnam(sys_get_temp_dir(), 'hawser-test-');
        $host = (string) parse_url($stand->url, PHP_URL_HOST) . ':' . (string) parse_url($stand->url, PHP_URL_PORT);
        $autoload = var_export(\dirname(__DIR__, 2) . '/vendor/autoload.php', true);
        $translated = ["'vendor/autoload.php'" => $autoload, "__DIR__ . '/../vendor/autoload.php'" => $autoload, 'api.example.com' => $host, '/v1/me' => '/status/201', '/v1/orders' => '/echo', '/v1/export' => '/bytes/100000'];
        file_put_contents($file, strtr($code, $translated));
        $process = proc_open([PHP_BINARY, '-d', 'display_errors=stdout', '-d', "curl.cainfo={$stand->caFile}", '-d', "openssl.cafile={$stand->caFile}", $file], [1 => ['pipe', 'w'], 2 => ['pipe', 'w']], $pipes, null, ['HAWSER_SOCKET' => $stand->socket] + getenv());
        self::assertIsResource($process);
        $output = (string) stream_get_contents($pipes[1]);
        $errors = (string) stream_get_contents($pipes[2]);
        unlink($file);
        self::assertSame([0, '', $printed === '' ? $output : $printed], [proc_close($process), $errors, $output]);
    }
}
