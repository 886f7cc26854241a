<?php

declare(strict_types=1);

namespace Hawser\Tests\Support;

use RuntimeException;

/**
 * A real PHP-FPM with one worker, driven over FastCGI.
 */
final class FpmPool
{
    private readonly string $folder;

    /** @var resource */
    private readonly mixed $process;

    public function __construct(string $binary)
    {
        $this->folder = sys_get_temp_dir() . '/hawser-test-' . bin2hex(random_bytes(6));
        mkdir($this->folder);
        file_put_contents("{$this->folder}/fpm.conf", <<<INI
            [global]
            error_log = {$this->folder}/fpm.log
            daemonize = no
            [pool]
            listen = {$this->folder}/fpm.sock
            pm = static
            pm.max_children = 1
            clear_env = no
            catch_workers_output = no
            php_admin_value[error_log] = {$this->folder}/php.log
            php_admin_value[opcache.enable] = 1
            php_flag[display_errors] = on
            INI);
        $isRoot = posix_geteuid() === 0;
        $group = $isRoot ? "user = root\ngroup = root\n" : '';
        file_put_contents("{$this->folder}/fpm.conf", "\n{$group}", \FILE_APPEND);
        $process = proc_open([$binary, '-F', '-n', '-y', "{$this->folder}/fpm.conf", ...self::extensions(), ...($isRoot ? ['-R'] : [])], [['file', '/dev/null', 'r'], ['file', '/dev/null', 'w'], ['file', '/dev/null', 'w']], $pipes);
        $this->process = $process === false ? throw new RuntimeException('php-fpm does not start') : $process;
        for ($n = 0; !file_exists("{$this->folder}/fpm.sock"); ++$n) {
            if ($n > 500) {
                throw new RuntimeException('php-fpm does not listen: ' . @file_get_contents("{$this->folder}/fpm.log"));
            }
            usleep(10_000);
        }
    }

    public function __destruct()
    {
        proc_terminate($this->process, \SIGTERM);
        proc_close($this->process);
        array_map(unlink(...), glob("{$this->folder}/*") ?: []);
        rmdir($this->folder);
    }

    public static function binary(): ?string
    {
        foreach (['php-fpm' . PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION, 'php-fpm'] as $name) {
            foreach ([...explode(':', (string) getenv('PATH')), '/usr/sbin', '/usr/local/sbin'] as $folder) {
                if (is_executable("{$folder}/{$name}")) {
                    return "{$folder}/{$name}";
                }
            }
        }

        return null;
    }

    /** What PHP has logged. */
    public function log(): string
    {
        return (string) @file_get_contents("{$this->folder}/php.log");
    }

    /**
     * Runs the code as one PHP request and returns what it prints.
     *
     * @param array<string, string> $server more of `$_SERVER`
     */
    public function run(string $code, array $server = []): string
    {
        $script = "{$this->folder}/" . md5($code) . '.php';
        if (!is_file($script)) {
            file_put_contents($script, '<?php ' . $code);
        }
        $connection = stream_socket_client("unix://{$this->folder}/fpm.sock") ?: throw new RuntimeException('php-fpm is gone');
        $parameters = '';
        foreach (['SCRIPT_FILENAME' => $script, 'REQUEST_METHOD' => 'GET', 'REQUEST_URI' => '/', 'SERVER_PROTOCOL' => 'HTTP/1.1'] + $server as $name => $value) {
            $parameters .= pack('NN', \strlen($name) | 0x80000000, \strlen($value) | 0x80000000) . $name . $value;
        }
        // FastCGI 1.0: BEGIN_REQUEST (1) for a responder (1), PARAMS (4) and STDIN (5), each ended by an empty record.
        fwrite($connection, self::record(1, pack('nCx5', 1, 0)) . self::record(4, $parameters) . self::record(4, '') . self::record(5, ''));
        $output = '';
        while (\is_string($head = stream_get_contents($connection, 8)) && \strlen($head) === 8) {
            $record = unpack('Cversion/Ctype/nid/nlength/Cpadding', $head);
            $length = \is_array($record) && \is_int($record['length']) && \is_int($record['padding']) ? $record['length'] + $record['padding'] : 0;
            $content = (string) stream_get_contents($connection, $length);
            if (\is_array($record) && $record['type'] === 6 && \is_int($record['length'])) {
                $output .= substr($content, 0, $record['length']);
            }
        }

        return explode("\r\n\r\n", $output, 2)[1] ?? $output;
    }

    private static function record(int $type, string $content): string
    {
        return pack('CCnnCx', 1, $type, 1, \strlen($content), 0) . $content;
    }

    /**
     * Without a php.ini, the extensions that these tests run with.
     *
     * @return list<string>
     */
    private static function extensions(): array
    {
        $arguments = is_file(\ini_get('extension_dir') . '/opcache.so') ? ['-d', 'zend_extension=opcache'] : [];
        foreach (['curl', 'msgpack', 'posix'] as $name) {
            if (\extension_loaded($name) && is_file(\ini_get('extension_dir') . "/{$name}.so")) {
                array_push($arguments, '-d', "extension={$name}");
            }
        }

        return $arguments;
    }
}
