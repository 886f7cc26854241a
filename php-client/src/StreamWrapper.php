<?php

declare(strict_types=1);

namespace Hawser;

use ArrayIterator;
use Closure;
use Countable;
use Hawser\Exception\HawserException;
use Hawser\Exception\InvalidArgumentException;
use Hawser\Internal\Dispatcher;
use Hawser\Internal\Stream\ResponseStream;
use Hawser\Internal\Stream\StreamFailed;
use Hawser\Internal\Stream\StreamRequest;
use IteratorAggregate;
use Traversable;

/**
 * Takes `https://` over from PHP, so that `file_get_contents`, `fopen`, `copy` and the like go through the broker:
 *
 * ```
 *   Hawser\StreamWrapper::register();
 *   $page = file_get_contents('https://api.example.com/');
 *   Hawser\StreamWrapper::unregister();
 * ```
 *
 * It honours the context options `http.method`, `header`, `user_agent`, `content`, `timeout`, `ignore_errors`,
 * `follow_location` and `max_redirects`. A context with what a broker cannot do for it (`ssl` options, `http.proxy`,
 * `request_fulluri`, HTTP/1.0, a `Host` field, a notification callback), and a URL that the options leave out, are opened
 * by PHP's own wrapper as before.
 *
 * PHP sets `$http_response_header` in the scope of the caller for its own wrapper alone. With this one it is there in the
 * global scope; inside a function call `lastResponseHeaders()`, or read `stream_get_meta_data($stream)['wrapper_data']`.
 *
 * @implements IteratorAggregate<int, string>
 */
final class StreamWrapper implements Countable, IteratorAggregate
{
    /** @var list<string> schemes that are ours now */
    private static array $schemes = [];

    private static ?Dispatcher $dispatcher = null;

    /** @var list<string>|null */
    private static ?array $lastLines = null;

    /** @var resource|null set by PHP */
    public $context;

    private ?ResponseStream $response = null;

    /** @var resource|null PHP's own stream, where that does the work */
    private $native;

    /** @var list<string> */
    private array $lines = [];

    /**
     * Takes the schemes over until `unregister` or the end of the PHP request. Called again, the new options hold.
     *
     * @param ClientOptions|null $options null: the defaults and the environment
     * @param list<string>       $schemes `https`, `http`, or both
     *
     * @throws InvalidArgumentException for another scheme, or where the environment holds a value that is not allowed
     */
    public static function register(?ClientOptions $options = null, array $schemes = ['https']): void
    {
        foreach ($schemes as $scheme) {
            if ($scheme !== 'https' && $scheme !== 'http') {
                throw new InvalidArgumentException(\sprintf('StreamWrapper: scheme is "%s"; allowed are https and http.', $scheme));
            }
        }
        $dispatcher = new Dispatcher($options ?? ClientOptions::fromEnvironment());
        self::unregister();
        self::$dispatcher = $dispatcher;
        foreach (array_values(array_unique($schemes)) as $scheme) {
            stream_wrapper_unregister($scheme);
            stream_wrapper_register($scheme, self::class, STREAM_IS_URL);
            self::$schemes[] = $scheme;
        }
    }

    /**
     * Gives the schemes back to PHP. Streams that are open go on; without a `register` before it does nothing.
     */
    public static function unregister(): void
    {
        foreach (self::$schemes as $scheme) {
            stream_wrapper_restore($scheme);
        }
        self::$schemes = [];
    }

    /**
     * What `$http_response_header` would hold after the last stream that was opened: status line and fields of each
     * response, redirects included. Null before the first.
     *
     * @return list<string>|null
     */
    public static function lastResponseHeaders(): ?array
    {
        return self::$lastLines;
    }

    /**
     * The header lines, as `wrapper_data` of PHP's own wrapper has them.
     *
     * @return Traversable<int, string>
     */
    public function getIterator(): Traversable
    {
        return new ArrayIterator($this->lines);
    }

    public function count(): int
    {
        return \count($this->lines);
    }

    /**
     * @internal called by PHP, as are all below
     */
    public function stream_open(string $path, string $mode, int $options, ?string &$openedPath): bool
    {
        try {
            $this->open($path, $mode);
        } catch (HawserException|StreamFailed $e) {
            $this->remember($e instanceof StreamFailed ? $e->lines : []);
            trigger_error($e->getMessage(), E_USER_WARNING);

            return false;
        }

        return true;
    }

    /**
     * @internal
     */
    public function stream_read(int $count): string|false
    {
        if ($this->native !== null) {
            return fread($this->native, max(1, $count));
        }
        try {
            return $this->response?->read($count) ?? '';
        } catch (StreamFailed $e) {
            trigger_error($e->getMessage(), E_USER_WARNING);

            return false;
        }
    }

    /**
     * @internal
     */
    public function stream_eof(): bool
    {
        return $this->native !== null ? feof($this->native) : ($this->response?->isAtEnd() ?? true);
    }

    /**
     * @internal
     */
    public function stream_close(): void
    {
        $this->response?->close();
        if ($this->native !== null) {
            fclose($this->native);
        }
    }

    /**
     * @internal
     *
     * @return array<array-key, int>|false
     */
    public function stream_stat(): array|false
    {
        return $this->native !== null ? fstat($this->native) : false;
    }

    /**
     * @internal
     */
    public function stream_set_option(int $option, int $first, ?int $second): bool
    {
        if ($option !== STREAM_OPTION_READ_TIMEOUT) {
            return false;
        }
        $this->response?->setTimeout($first + ($second ?? 0) / 1e6);

        return $this->native === null || stream_set_timeout($this->native, $first, $second ?? 0);
    }

    /**
     * Nothing is known of a URL without asking for it, as with PHP's own wrapper.
     *
     * @internal
     */
    public function url_stat(string $path, int $flags): false
    {
        return false;
    }

    private function open(string $path, string $mode): void
    {
        if (preg_match('/^r[bt]?$/D', $mode) !== 1) {
            throw new StreamFailed('HTTP wrapper does not support writeable connections');
        }
        $context = \is_resource($this->context) ? $this->context : stream_context_get_default();
        $options = stream_context_get_options($context);
        $dispatcher = self::$dispatcher ??= new Dispatcher(ClientOptions::fromEnvironment());
        $isTaken = StreamRequest::needsPhp($options, stream_context_get_params($context)) === null && $dispatcher->options->takes($path);
        if ($isTaken) {
            $http = $options['http'] ?? [];
            $this->response = ResponseStream::open($dispatcher, $path, \is_array($http) ? $http : []);
            $this->remember($this->response->lines);
        } else {
            $this->native = self::natively(static fn() => fopen($path, $mode, false, $context));
            $data = stream_get_meta_data($this->native)['wrapper_data'] ?? [];
            $this->remember(\is_array($data) ? array_values(array_filter($data, is_string(...))) : []);
        }
    }

    /**
     * @param list<string> $lines
     */
    private function remember(array $lines): void
    {
        $this->lines = self::$lastLines = $GLOBALS['http_response_header'] = $lines;
    }

    /**
     * @param Closure(): (resource|false) $open
     *
     * @return resource
     */
    private static function natively(Closure $open)
    {
        $schemes = self::$schemes;
        self::unregister();
        try {
            $stream = $open();
        } finally {
            foreach ($schemes as $scheme) {
                stream_wrapper_unregister($scheme);
                stream_wrapper_register($scheme, self::class, STREAM_IS_URL);
            }
            self::$schemes = $schemes;
        }

        return $stream !== false ? $stream : throw new StreamFailed("PHP's own wrapper could not open it");
    }
}
