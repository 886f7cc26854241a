<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use Aws\DynamoDb\DynamoDbClient;
use Aws\Exception\AwsException;
use Aws\Handler\Guzzle\GuzzleHandler;
use Closure;
use GuzzleHttp\Client;
use GuzzleHttp\Promise\Utils;
use Hawser\ClientOptions;
use Hawser\Fallback;
use Hawser\Guzzle\HawserHandler;
use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\NodeProcess;
use Psr\Http\Message\RequestInterface;
use RuntimeException;

/**
 * The real AWS SDK through the broker, on a DynamoDB in memory that speaks HTTP/1.1 over TLS, as Amazon's does.
 */
final class DynamoDbTest extends ClientTestCase
{
    private const MAX_CONNECTIONS = 4;

    private const PROCESSES = 8;

    private const CALLS = 40;

    private static string $folder = '';

    private static string $url = '';

    private static string $statsUrl = '';

    private static ?NodeProcess $dynamo = null;

    private static ?NodeProcess $broker = null;

    public static function setUpBeforeClass(): void
    {
        if (!NodeProcess::isAvailable()) {
            self::markTestSkipped('the packages of the broker are not beside this one');
        }
        self::$folder = sys_get_temp_dir() . '/hawser-test-' . bin2hex(random_bytes(6));
        mkdir(self::$folder);
        self::$dynamo = new NodeProcess('testkit/src/dynalite-cli.ts', ['--dir', self::$folder], static fn(string $output): bool => str_starts_with($output, "{") && str_contains($output, "\n"));
        $ready = json_decode(explode("\n", self::$dynamo->output())[0], true);
        self::assertIsArray($ready);
        self::assertIsString($ready['url']);
        self::assertIsString($ready['stats']);
        [self::$url, self::$statsUrl] = [$ready['url'], $ready['stats']];
        $socket = self::$folder . '/broker.sock';
        file_put_contents(self::$folder . '/hawser.yaml', 'defaults: { timeouts: { connect: 20s }, connections: { max: ' . self::MAX_CONNECTIONS . ', maxIdle: ' . self::MAX_CONNECTIONS . " } }\n"
            . 'origins: [{ match: "https://localhost:*", tls: { ca: ' . self::$folder . '/dynalite-ca.pem } }]');
        self::$broker = new NodeProcess('broker/src/main.ts', ['serve', '--socket', $socket, '--config', self::$folder . '/hawser.yaml'], static fn(): bool => file_exists($socket));
        $client = self::dynamoDb();
        $client->createTable([
            'TableName' => 'orders',
            'AttributeDefinitions' => [['AttributeName' => 'customer', 'AttributeType' => 'S'], ['AttributeName' => 'number', 'AttributeType' => 'N']],
            'KeySchema' => [['AttributeName' => 'customer', 'KeyType' => 'HASH'], ['AttributeName' => 'number', 'KeyType' => 'RANGE']],
            'BillingMode' => 'PAY_PER_REQUEST',
        ]);
        for ($n = 0; self::dig($client->describeTable(['TableName' => 'orders'])->toArray(), 'Table', 'TableStatus') !== 'ACTIVE'; ++$n) {
            self::assertLessThan(500, $n, 'the table is not created');
            usleep(20_000);
        }
    }

    public static function tearDownAfterClass(): void
    {
        self::assertStringNotContainsString('"level":50', self::$broker?->output() ?? '', 'the broker logged an error');
        self::$broker = self::$dynamo = null;
        array_map(unlink(...), glob(self::$folder . '/*') ?: []);
        @rmdir(self::$folder);
    }

    public function testPutGetQueryAndBatchWrite(): void
    {
        $client = self::dynamoDb();
        $client->putItem(['TableName' => 'orders', 'Item' => self::item('anna', 1, "caf\u{E9}")]);
        $item = $client->getItem(['TableName' => 'orders', 'Key' => self::key('anna', 1), 'ConsistentRead' => true])->toArray();
        self::assertSame("caf\u{E9}", self::dig($item, 'Item', 'note', 'S'));
        $requests = array_map(static fn(int $n): array => ['PutRequest' => ['Item' => self::item('berta', $n, str_repeat('x', 2000))]], range(1, 25));
        self::assertSame([], $client->batchWriteItem(['RequestItems' => ['orders' => $requests]])->toArray()['UnprocessedItems'] ?? null);
        $found = $client->query(['TableName' => 'orders', 'KeyConditionExpression' => 'customer = :c', 'ExpressionAttributeValues' => [':c' => ['S' => 'berta']]])->toArray();
        self::assertSame([25, '25'], [self::dig($found, 'Count'), self::dig($found, 'Items', 24, 'number', 'N')]);
        $e = self::thrown(AwsException::class, static fn() => $client->getItem(['TableName' => 'none', 'Key' => self::key('a', 1)]));
        self::assertSame(['ResourceNotFoundException', 400], [$e->getAwsErrorCode(), $e->getStatusCode()]);
    }

    public function testParallelPromises(): void
    {
        $client = self::dynamoDb();
        Utils::unwrap(array_map(static fn(int $n) => $client->putItemAsync(['TableName' => 'orders', 'Item' => self::item('clara', $n, 'parallel')]), range(1, 40)));
        $found = $client->query(['TableName' => 'orders', 'Select' => 'COUNT', 'KeyConditionExpression' => 'customer = :c', 'ExpressionAttributeValues' => [':c' => ['S' => 'clara']]])->toArray();
        self::assertSame(40, self::dig($found, 'Count'));
    }

    public function testWhatWasSignedArrivesAsItWasSigned(): void
    {
        $sent = null;
        $client = self::dynamoDb(static function (RequestInterface $request) use (&$sent): void {
            $sent = $request;
        });
        $client->getItem(['TableName' => 'orders', 'Key' => self::key('anna', 1)]);
        self::assertInstanceOf(RequestInterface::class, $sent);
        $last = self::stats()['last'] ?? null;
        self::assertIsArray($last);
        self::assertIsArray($last['fields']);
        $arrived = [];
        foreach (array_chunk($last['fields'], 2) as [$name, $value]) {
            self::assertIsString($name);
            $arrived[strtolower($name)][] = $value;
        }
        self::assertSame([$sent->getMethod(), $sent->getRequestTarget()], [$last['method'], $last['target']]);
        self::assertStringStartsWith('AWS4-HMAC-SHA256 ', $sent->getHeaderLine('Authorization'));
        foreach ($sent->getHeaders() as $name => $values) {
            self::assertSame($values, $arrived[strtolower((string) $name)] ?? null, (string) $name);
        }
        self::assertSame([], array_diff(array_keys($arrived), array_map(strtolower(...), array_map(strval(...), array_keys($sent->getHeaders()))), ['connection', 'content-length']), 'nothing was added');
    }

    public function testTheSnippetOfTheGuide(): void
    {
        self::dynamoDb()->putItem(['TableName' => 'orders', 'Item' => self::item('anna', 1, 'first')]);
        self::assertSame(1, preg_match('/^```php\n(.*?)^```\n+^```text\n(.*?)^```/ms', (string) file_get_contents(\dirname(__DIR__, 3) . '/docs/guide/aws.md'), $found));
        $code = str_replace("'vendor/autoload.php'", var_export(\dirname(__DIR__, 2) . '/vendor/autoload.php', true), $found[1]);
        $environment = ['HAWSER_SOCKET' => self::$folder . '/broker.sock', 'HAWSER_FALLBACK' => 'fail', 'AWS_ENDPOINT_URL' => self::$url, 'AWS_ACCESS_KEY_ID' => 'key', 'AWS_SECRET_ACCESS_KEY' => 'secret'];
        $process = proc_open([PHP_BINARY, '-d', 'display_errors=1', '-r', substr($code, \strlen('<?php'))], [1 => ['pipe', 'w']], $pipes, null, $environment + getenv());
        self::assertIsResource($process);
        self::assertSame($found[2], stream_get_contents($pipes[1]));
        self::assertSame(0, proc_close($process));
    }

    public function testManyProcessesHoldFewConnections(): void
    {
        $results = stream_socket_pair(\STREAM_PF_UNIX, \STREAM_SOCK_STREAM, 0) ?: throw new RuntimeException('no socket pair');
        $before = self::stats();
        $processes = [];
        for ($n = 0; $n < self::PROCESSES; ++$n) {
            $pid = pcntl_fork();
            if ($pid === 0) {
                try {
                    $client = self::dynamoDb();
                    for ($m = 0; $m < self::CALLS; ++$m) {
                        $client->putItem(['TableName' => 'orders', 'Item' => self::item("process {$n}", $m, 'many')]);
                    }
                    fwrite($results[1], '+');
                } catch (\Throwable $e) {
                    fwrite($results[1], "\n{$e->getMessage()}\n");
                }
                posix_kill((int) getmypid(), \SIGKILL);
            }
            $processes[] = $pid;
        }
        fclose($results[1]);
        self::assertSame(str_repeat('+', self::PROCESSES), stream_get_contents($results[0]));
        foreach ($processes as $pid) {
            pcntl_waitpid($pid, $status);
        }
        $after = self::stats();
        self::assertSame(self::PROCESSES * self::CALLS, $after['requests'] - $before['requests']);
        self::assertSame($after['requests'], $after['signed']);
        self::assertLessThanOrEqual(self::MAX_CONNECTIONS, $after['maxOpenConnections']);
    }

    /**
     * @param (Closure(RequestInterface): mixed)|null $tap sees each request as it is handed to the handler
     */
    private static function dynamoDb(?Closure $tap = null): DynamoDbClient
    {
        $stack = HawserHandler::stack(new ClientOptions(socket: self::$folder . '/broker.sock', fallback: Fallback::Fail, connectTimeoutMs: 10_000));
        if ($tap !== null) {
            $stack->push(static fn(callable $next): Closure => static function (RequestInterface $request, array $options) use ($next, $tap): mixed {
                $tap($request);

                return $next($request, $options);
            });
        }

        return new DynamoDbClient([
            'region' => 'eu-central-1',
            'version' => 'latest',
            'endpoint' => self::$url,
            'credentials' => ['key' => 'key', 'secret' => 'secret'],
            'http_handler' => new GuzzleHandler(new Client(['handler' => $stack])),
        ]);
    }

    /**
     * @return array{requests: int, signed: int, maxOpenConnections: int, last?: mixed}
     */
    private static function stats(): array
    {
        /** @var array{requests: int, signed: int, maxOpenConnections: int, last?: mixed} */
        return json_decode((string) file_get_contents(self::$statsUrl), true);
    }

    /**
     * @return array{customer: array{S: string}, number: array{N: string}}
     */
    private static function key(string $customer, int $number): array
    {
        return ['customer' => ['S' => $customer], 'number' => ['N' => (string) $number]];
    }

    /**
     * @return array{customer: array{S: string}, number: array{N: string}, note: array{S: string}}
     */
    private static function item(string $customer, int $number, string $note): array
    {
        return self::key($customer, $number) + ['note' => ['S' => $note]];
    }

    private static function dig(mixed $value, string|int ...$path): mixed
    {
        foreach ($path as $step) {
            $value = \is_array($value) ? $value[$step] ?? null : null;
        }

        return $value;
    }
}
