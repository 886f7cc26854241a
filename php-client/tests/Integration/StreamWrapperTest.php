<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use Closure;
use Hawser\ClientOptions;
use Hawser\Exception\InvalidArgumentException;
use Hawser\Fallback;
use Hawser\Internal\Stream\StreamRequest;
use Hawser\StreamWrapper;
use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\Stand;
use PHPUnit\Framework\Attributes\DataProvider;

final class StreamWrapperTest extends ClientTestCase
{
    private static string $url = '';

    public static function setUpBeforeClass(): void
    {
        self::$url = Stand::shared()->url;
    }

    protected function tearDown(): void
    {
        StreamWrapper::unregister();
        parent::tearDown();
    }

    /**
     * @return iterable<string, array{bool}>
     */
    public static function paths(): iterable
    {
        yield 'through the broker' => [true];
        yield 'direct' => [false];
    }

    #[DataProvider('paths')]
    public function testReadsWholeBodies(bool $isBroker): void
    {
        self::register($isBroker);
        self::assertSame('hello', file_get_contents(self::$url . '/'));
        self::assertSame(self::content(1_000_000), file_get_contents(self::$url . '/bytes/1000000'));
        self::assertSame('', file_get_contents(self::$url . '/status/204'));
        $file = (string) tempnam(sys_get_temp_dir(), 'hawser-test-');
        self::assertTrue(copy(self::$url . '/bytes/100000', $file));
        self::assertSame(self::content(100_000), file_get_contents($file));
        unlink($file);
    }

    #[DataProvider('paths')]
    public function testReadsAsTheBodyComes(bool $isBroker): void
    {
        self::register($isBroker);
        $stream = fopen(self::$url . '/bytes/300000', 'rb');
        self::assertIsResource($stream);
        self::assertSame(self::content(10), fread($stream, 10));
        self::assertFalse(feof($stream));
        self::assertSame(substr(self::content(300_000), 10), stream_get_contents($stream));
        self::assertTrue(feof($stream));
        $data = stream_get_meta_data($stream)['wrapper_data'];
        self::assertIsIterable($data);
        self::assertSame('HTTP/1.1 200 OK', [...$data][0]);
        fclose($stream);
    }

    #[DataProvider('paths')]
    public function testSendsWhatTheContextSays(bool $isBroker): void
    {
        self::register($isBroker);
        $seen = self::inspect(['method' => 'PUT', 'header' => "X-A: 1\r\nX-A:  2 \r\n", 'content' => 'a=b', 'user_agent' => 'me']);
        self::assertSame(['PUT', 3, ['1', '2'], 'me', 'application/x-www-form-urlencoded'], [$seen['method'], $seen['bodyBytes'], self::values($seen, 'x-a'), self::values($seen, 'user-agent')[0], self::values($seen, 'content-type')[0]]);
        $seen = self::inspect(['header' => ['X-A: 1', 'content-type: text/plain', 'User-Agent: mine'], 'method' => 'POST', 'content' => 'x', 'user_agent' => 'me']);
        self::assertSame([['1'], ['text/plain'], ['mine']], [self::values($seen, 'x-a'), self::values($seen, 'content-type'), self::values($seen, 'user-agent')]);
        $url = str_replace('https://', 'https://us%40er:secret@', self::$url);
        self::assertSame(['Basic ' . base64_encode('us@er:secret')], self::values(self::inspect([], $url), 'authorization'));
        self::assertSame(['mine'], self::values(self::inspect(['header' => 'Authorization: mine'], $url), 'authorization'));
    }

    #[DataProvider('paths')]
    public function testAnErrorStatusIsAWarningUnlessItIsToBeIgnored(bool $isBroker): void
    {
        self::register($isBroker);
        [$result, $warnings] = self::warnings(static fn() => file_get_contents(self::$url . '/status/404'));
        self::assertFalse($result);
        self::assertSame('HTTP request failed! HTTP/1.1 404 Not Found', $warnings[0]);
        self::assertSame('HTTP/1.1 404 Not Found', StreamWrapper::lastResponseHeaders()[0] ?? null);
        self::assertSame("status 503\n", file_get_contents(self::$url . '/status/503', false, self::context(['ignore_errors' => true])));
        self::assertSame('HTTP/1.1 503 Service Unavailable', (StreamWrapper::lastResponseHeaders() ?? [])[0]);
    }

    public function testHeaderLinesStandInTheGlobalScope(): void
    {
        self::register(true);
        file_get_contents(self::$url . '/status/201');
        $lines = $GLOBALS['http_response_header'];
        self::assertIsArray($lines);
        self::assertSame('HTTP/1.1 201 Created', $lines[0]);
        self::assertContains('content-type: text/plain', $lines);
    }

    #[DataProvider('paths')]
    public function testFollowsRedirects(bool $isBroker): void
    {
        self::register($isBroker);
        self::assertSame('hello', file_get_contents(self::redirect(302, '/')));
        self::assertSame(['HTTP/1.1 302 Found', 'HTTP/1.1 200 OK'], array_values(array_filter(StreamWrapper::lastResponseHeaders() ?? [], static fn(string $line): bool => str_starts_with($line, 'HTTP/'))));
        self::assertSame("moved\n", file_get_contents(self::redirect(302, '/'), false, self::context(['follow_location' => 0])));

        $post = ['method' => 'POST', 'content' => 'abc', 'header' => 'Authorization: mine'];
        $seen = self::inspect($post, url: self::redirect(303, '/inspect'), path: '');
        self::assertSame(['GET', 0, [], ['mine']], [$seen['method'], $seen['bodyBytes'], self::values($seen, 'content-type'), self::values($seen, 'authorization')]);
        $seen = self::inspect($post, url: self::redirect(307, '/inspect'), path: '');
        self::assertSame(['POST', 3], [$seen['method'], $seen['bodyBytes']]);
    }

    public function testARedirectToAnotherOriginTakesNoCredentialsAlong(): void
    {
        self::register(true);
        $elsewhere = str_replace('localhost', '127.0.0.1', self::$url);
        $sent = StreamRequest::of(self::$url, ['header' => "Authorization: mine\r\nCookie: a=b\r\nX-A: 1"])->redirectedTo($elsewhere, 307);
        self::assertSame([['x-a', '1']], $sent->lines);
    }

    public function testRedirectsEnd(): void
    {
        self::register(true);
        $twice = self::redirect(301, self::redirect(301, '/'));
        [$result, $warnings] = self::warnings(static fn() => file_get_contents($twice, false, self::context(['max_redirects' => 2])));
        self::assertSame([false, 'Redirection limit reached, aborting'], [$result, $warnings[0]]);
        self::assertSame('hello', file_get_contents($twice, false, self::context(['max_redirects' => 3])));
        [$result, $warnings] = self::warnings(static fn() => file_get_contents(self::redirect(302, 'file:///etc/passwd')));
        self::assertFalse($result);
        self::assertStringStartsWith('Invalid redirect URL!', $warnings[0]);
    }

    #[DataProvider('paths')]
    public function testTheTimeoutEndsSilence(bool $isBroker): void
    {
        self::register($isBroker);
        [$result, $warnings] = self::warnings(static fn() => file_get_contents(self::$url . '/never', false, self::context(['timeout' => 0.2])));
        self::assertFalse($result);
        self::assertStringContainsString('no response within 0.2 s', $warnings[0]);
    }

    public function testWhatIsNotReadCostsTheOriginNothing(): void
    {
        self::register(true);
        $stream = fopen(self::$url . '/bytes/50000000', 'r');
        self::assertIsResource($stream);
        fread($stream, 10);
        fclose($stream);
        self::assertSame('hello', file_get_contents(self::$url . '/'));
    }

    public function testPhpDoesWhatABrokerCannot(): void
    {
        self::register(true);
        $context = stream_context_create(['ssl' => ['cafile' => Stand::shared()->caFile], 'http' => ['header' => 'X-A: 1']]);
        $seen = json_decode((string) file_get_contents(self::$url . '/inspect', false, $context), true);
        self::assertIsArray($seen);
        self::assertSame(['1'], self::values($seen, 'x-a'));
        self::assertContains('connection', self::names($seen), 'PHP speaks HTTP/1.1 and closes');
        self::assertSame('hello', file_get_contents(self::$url . '/'), 'the broker does the next one');
    }

    public function testAUrlThatIsLeftOutTakesPhpsOwnWay(): void
    {
        StreamWrapper::register(new ClientOptions(socket: '/nowhere/none.sock', fallback: Fallback::Fail, only: ['https://api.example.com']));
        [$result, $warnings] = self::warnings(static fn() => file_get_contents(self::$url . '/'));
        self::assertFalse($result);
        self::assertStringContainsString('SSL operation failed', implode(' ', $warnings), 'PHP was not told whom to trust');
    }

    public function testNoBrokerAndNoFallbackIsAWarning(): void
    {
        StreamWrapper::register(new ClientOptions(socket: '/nowhere/none.sock', fallback: Fallback::Fail));
        [$result, $warnings] = self::warnings(static fn() => file_get_contents(self::$url . '/'));
        self::assertFalse($result);
        self::assertStringContainsString('/nowhere/none.sock', $warnings[0]);
    }

    public function testWritingIsRefused(): void
    {
        self::register(true);
        [$result, $warnings] = self::warnings(static fn() => fopen(self::$url . '/', 'w'));
        self::assertSame([false, 'HTTP wrapper does not support writeable connections'], [$result, $warnings[0]]);
        self::assertFalse(file_exists(self::$url . '/'));
    }

    public function testUnregisterRestoresPhpsOwn(): void
    {
        self::register(true, ['https', 'http']);
        self::register(true);
        StreamWrapper::unregister();
        StreamWrapper::unregister();
        foreach (['https' => 'SSL operation failed', 'http' => 'HTTP request failed'] as $scheme => $complaint) {
            [$result, $warnings] = self::warnings(static fn() => file_get_contents(str_replace('https', $scheme, self::$url) . '/'));
            self::assertFalse($result);
            self::assertStringContainsString($complaint, implode(' ', $warnings));
        }
    }

    public function testAnotherSchemeIsRefused(): void
    {
        $e = self::thrown(InvalidArgumentException::class, static fn() => StreamWrapper::register(schemes: ['https', 'ftp']));
        self::assertSame('StreamWrapper: scheme is "ftp"; allowed are https and http.', $e->getMessage());
    }

    /**
     * @param list<string> $schemes
     */
    private static function register(bool $isBroker, array $schemes = ['https']): void
    {
        StreamWrapper::register(Stand::shared()->options($isBroker), $schemes);
    }

    /**
     * @param array<string, mixed> $http
     *
     * @return resource
     */
    private static function context(array $http)
    {
        return stream_context_create(['http' => $http]);
    }

    private static function redirect(int $status, string $to): string
    {
        return self::$url . "/redirect/{$status}?to=" . rawurlencode($to);
    }

    /**
     * @param array<string, mixed> $http
     *
     * @return array<array-key, mixed> what the origin saw
     */
    private static function inspect(array $http, ?string $url = null, string $path = '/inspect'): array
    {
        $seen = json_decode((string) file_get_contents(($url ?? self::$url) . $path, false, self::context($http)), true);
        self::assertIsArray($seen);

        return $seen;
    }

    /**
     * @param array<array-key, mixed> $seen
     *
     * @return list<mixed>
     */
    private static function values(array $seen, string $name): array
    {
        self::assertIsArray($seen['fields']);
        $values = [];
        foreach (array_chunk($seen['fields'], 2) as [$one, $value]) {
            if ($one === $name) {
                $values[] = $value;
            }
        }

        return $values;
    }

    /**
     * @param array<array-key, mixed> $seen
     *
     * @return list<mixed>
     */
    private static function names(array $seen): array
    {
        self::assertIsArray($seen['fields']);

        return array_column(array_chunk($seen['fields'], 2), 0);
    }

    /**
     * @template T
     *
     * @param Closure(): T $code
     *
     * @return array{T, list<string>}
     */
    private static function warnings(Closure $code): array
    {
        $warnings = [];
        // PHPUnit masks all levels, which would look like `@` here.
        $level = error_reporting(E_ALL);
        set_error_handler(static function (int $level, string $message) use (&$warnings): bool {
            if ((error_reporting() & $level) !== 0) {
                $warnings[] = $message;
            }

            return true;
        });
        try {
            return [$code(), $warnings];
        } finally {
            restore_error_handler();
            error_reporting($level);
        }
    }

    /** What `/bytes/N` holds. */
    private static function content(int $bytes): string
    {
        return substr(str_repeat(implode('', array_map(chr(...), range(0, 250))), intdiv($bytes, 251) + 1), 0, $bytes);
    }
}
